-- The same keys where Neovim draws by itself (vim.lsp.inline_completion): `ghost = "native"`.
local M = {}

local function core()
  return vim.lsp.inline_completion
end

--- False where Neovim has nothing to accept.
function M.accept()
  return core().get() == true
end

function M.cycle(step)
  core().select({ count = step })
  return true
end

local function no()
  return false
end

-- The core takes a suggestion only whole, asks by itself, and does not tell what it shows.
M.accept_word, M.accept_line, M.dismiss, M.trigger = no, no, no, no

function M.visible_text()
  return nil
end

return M
