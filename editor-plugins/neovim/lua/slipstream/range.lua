-- Positions and ranges of a buffer as the protocol has them.
local M = {}

local api = vim.api

--- A protocol position of `row`, `column` (0-based, bytes).
function M.position(buffer, row, column, encoding)
  local line = api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ""
  column = math.min(column, #line)
  local units = column
  if encoding ~= "utf-8" then
    units = vim.lsp.util.character_offset(buffer, row, column, encoding)
  end
  return { line = row, character = units }
end

--- The range of a command: characters where they were selected, else lines; empty at the cursor without one.
function M.of(call, encoding)
  local buffer = api.nvim_get_current_buf()
  if call.range == 0 then
    local cursor = api.nvim_win_get_cursor(0)
    local at = M.position(buffer, cursor[1] - 1, cursor[2], encoding)
    return { start = at, ["end"] = at }
  end
  local first, last = api.nvim_buf_get_mark(buffer, "<"), api.nvim_buf_get_mark(buffer, ">")
  local from, to = 0, #(api.nvim_buf_get_lines(buffer, call.line2 - 1, call.line2, false)[1] or "")
  if vim.fn.visualmode() == "v" and first[1] == call.line1 and last[1] == call.line2 then
    local line = api.nvim_buf_get_lines(buffer, last[1] - 1, last[1], false)[1] or ""
    local past = last[2] + #vim.fn.matchstr(line:sub(last[2] + 1), "^.")
    from, to = first[2], math.min(past, to)
  end
  return {
    start = M.position(buffer, call.line1 - 1, from, encoding),
    ["end"] = M.position(buffer, call.line2 - 1, to, encoding),
  }
end

return M
