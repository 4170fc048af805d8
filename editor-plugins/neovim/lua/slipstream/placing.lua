-- How a suggestion fits a place: what of it is still to come there, and what right of the caret it replaces.
--
-- A place is { buffer, tick, row, column }, row and column from 0, columns in bytes.
local text = require("slipstream.text")

local M = {}

local api = vim.api

function M.line_at(buffer, row)
  return api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ""
end

--- What `item` says for this place: its text from the caret on and how many bytes right of it that replaces.
--- nil where it does not fit.
function M.fit(item, here, encoding)
  local line = M.line_at(here.buffer, here.row)
  local whole = item.insertText:gsub("\r\n", "\n")
  local over, consumed = 0, 0
  if item.range then
    local first, past = item.range.start, item.range["end"]
    if first.line ~= here.row or past.line ~= here.row then
      return nil
    end
    local from = text.byte_column(line, first.character, encoding)
    local before = line:sub(from + 1, here.column)
    if from > here.column or whole:sub(1, #before) ~= before then
      return nil
    end
    consumed = #before
    over = math.max(0, text.byte_column(line, past.character, encoding) - here.column)
  end
  if #whole == consumed then
    return nil
  end
  return {
    buffer = here.buffer,
    tick = here.tick,
    row = here.row,
    column = here.column,
    head = line:sub(1, here.column),
    kept = line:sub(here.column + over + 1),
    line_count = api.nvim_buf_line_count(here.buffer),
    item = item,
    whole = whole,
    consumed = consumed,
    text = whole:sub(consumed + 1),
    over = over,
  }
end

--- What was typed since `shown` was right, if it is how the suggestion begins; else nil.
local function typed_since(shown, here)
  if here.buffer ~= shown.buffer or here.row < shown.row then
    return nil
  end
  local rows = here.row - shown.row
  if api.nvim_buf_line_count(here.buffer) ~= shown.line_count + rows then
    return nil
  end
  if rows == 0 and here.column < shown.column then
    return nil
  end
  if M.line_at(here.buffer, shown.row):sub(1, #shown.head) ~= shown.head then
    return nil
  end
  local pieces = api.nvim_buf_get_text(here.buffer, shown.row, shown.column, here.row, here.column, {})
  local typed = table.concat(pieces, "\n")
  return vim.startswith(shown.text, typed) and typed or nil
end

--- `shown` moved along with what was typed; nil where it does not fit any more.
function M.follow(shown, here)
  local typed = typed_since(shown, here)
  if not typed or #typed == #shown.text then
    return nil
  end
  local line = M.line_at(here.buffer, here.row)
  local tail = line:sub(here.column + 1)
  local left = shown.text:sub(#typed + 1)
  -- Between the caret and what the suggestion leaves alone an editor may have put closers, or typing taken them.
  local over = #tail - #shown.kept
  if over < 0 or tail:sub(over + 1) ~= shown.kept or not text.is_within(tail:sub(1, over), left) then
    return nil
  end
  return vim.tbl_extend("force", shown, {
    tick = here.tick,
    row = here.row,
    column = here.column,
    head = line:sub(1, here.column),
    line_count = api.nvim_buf_line_count(here.buffer),
    consumed = shown.consumed + #typed,
    text = left,
    over = over,
    all = false,
  })
end

return M
