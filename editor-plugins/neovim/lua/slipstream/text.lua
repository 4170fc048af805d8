-- Counting and cutting text: bytes are Neovim's columns, a protocol position counts the server's units.
local M = {}

local new_signature = vim.fn.has("nvim-0.11") == 1

--- The byte behind `units` of `line` in `encoding` ("utf-8", "utf-16", "utf-32"), never past its end.
function M.byte_column(line, units, encoding)
  if encoding == "utf-8" then
    return math.min(units, #line)
  end
  if new_signature then
    return vim.str_byteindex(line, encoding, units, false)
  end
  local ok, bytes = pcall(vim.str_byteindex, line, units, encoding == "utf-16")
  return ok and bytes or #line
end

--- How many UTF-16 units `text` has.
function M.utf16_length(text)
  if new_signature then
    return vim.str_utfindex(text, "utf-16")
  end
  local _, units = vim.str_utfindex(text)
  return units
end

function M.lines(text)
  return vim.split(text, "\n", { plain = true })
end

--- Whether the bytes of `short` come in `long` in this order.
function M.is_within(short, long)
  local at = 1
  for index = 1, #short do
    at = long:find(short:sub(index, index), at, true)
    if not at then
      return false
    end
    at = at + 1
  end
  return true
end

--- The first word of `text` with what stands before it, and everything up to a line's end where there is none.
function M.first_word(text)
  local space = text:match("^%s*")
  local rest = text:sub(#space + 1)
  local word = vim.fn.matchstr(rest, [[\v^%(\k+|%(%(\k|\s)@!.)+)]])
  return space .. (word ~= "" and word or rest:match("^[^\n]*"))
end

--- The first line of `text`; one that is empty takes the line end and the next line with it.
function M.first_line(text)
  return text:match("^[^\n]+") or text:match("^\n+[^\n]*") or text
end

--- `text` with tabs as spaces, where it begins at screen column `column` (0-based).
function M.expand_tabs(text, column, tabstop)
  if not text:find("\t", 1, true) then
    return text
  end
  local parts = {}
  for piece, tab in text:gmatch("([^\t]*)(\t?)") do
    column = column + vim.fn.strdisplaywidth(piece, column)
    parts[#parts + 1] = piece
    if tab ~= "" then
      local width = tabstop - column % tabstop
      parts[#parts + 1] = (" "):rep(width)
      column = column + width
    end
  end
  return table.concat(parts)
end

return M
