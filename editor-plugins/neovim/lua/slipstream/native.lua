-- The same keys where Neovim draws by itself (vim.lsp.inline_completion): `ghost = "native"`.
local M = {}

local function core()
  return vim.lsp.inline_completion
end

--- `item`, unless the text has moved on since it came: the core would put it in beside what was typed.
local function still_fitting(item)
  if not item.range then
    return item
  end
  local row, column, last_row, last_column = item.range:to_extmark()
  local cursor = vim.api.nvim_win_get_cursor(0)
  local reaches = last_row == cursor[1] - 1 and last_column >= cursor[2] and row == last_row and column <= cursor[2]
  local before = reaches and vim.api.nvim_get_current_line():sub(column + 1, cursor[2])
  return before and vim.startswith(tostring(item.insert_text), before) and item or nil
end

--- False where Neovim has nothing to accept.
function M.accept()
  return core().get({ on_accept = still_fitting }) == true
end

function M.cycle(step)
  core().select({ count = step })
  return true
end

local function no()
  return false
end

-- The core takes a suggestion only whole, asks by itself, and does not tell what it shows.
M.accept_word, M.accept_line, M.dismiss, M.trigger, M.again = no, no, no, no, no

function M.visible_text()
  return nil
end

return M
