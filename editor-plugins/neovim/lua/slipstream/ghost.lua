-- Draws a suggestion as ghost text. It decides nothing: what to draw and whether it still holds is the caller's matter.
local text = require("slipstream.text")

local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace("slipstream")
local has_inline = vim.fn.has("nvim-0.10") == 1

--- Where the parts of `line` go so that the `over` right of the caret seems to be a part of it:
--- a list of { bytes right of the caret, text }, or nil where that cannot be.
local function around(line, over)
  local parts, stop = {}, #line
  for index = #over, 1, -1 do
    local at = stop
    while at > 0 and line:sub(at, at) ~= over:sub(index, index) do
      at = at - 1
    end
    if at == 0 then
      return nil
    end
    if at < stop then
      table.insert(parts, 1, { index, line:sub(at + 1, stop) })
    end
    stop = at - 1
  end
  if stop > 0 then
    table.insert(parts, 1, { 0, line:sub(1, stop) })
  end
  return parts
end

local function screen_column(buffer, row, column)
  local line = api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ""
  return vim.fn.strdisplaywidth(line:sub(1, column))
end

--- Draw `suggestion` at `row`, `column` (0-based, bytes). It stands for the next `over` bytes too.
function M.draw(buffer, row, column, suggestion, over)
  M.clear(buffer)
  local tabstop = vim.bo[buffer].tabstop
  local lines = text.lines(suggestion)
  local first = table.remove(lines, 1)
  local tail = (api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ""):sub(column + 1)
  local kept = tail:sub(over + 1)
  local start = screen_column(buffer, row, column)
  local below = {}
  for _, line in ipairs(lines) do
    below[#below + 1] = { { text.expand_tabs(line, 0, tabstop), "SlipstreamGhost" } }
  end
  -- A rest of the line that moves down with a suggestion of several lines cannot stay where it is.
  local parts = has_inline and (kept == "" or #below == 0) and around(first, tail:sub(1, over))
  if parts then
    for _, part in ipairs(parts) do
      api.nvim_buf_set_extmark(buffer, namespace, row, column + part[1], {
        virt_text = { { text.expand_tabs(part[2], start, tabstop), "SlipstreamGhost" } },
        virt_text_pos = "inline",
      })
    end
  else
    local over_line = { { text.expand_tabs(first, start, tabstop), "SlipstreamGhost" } }
    local moved = { text.expand_tabs(kept, 0, tabstop), "Normal" }
    table.insert(#below > 0 and below[#below] or over_line, moved)
    local width = 0
    for _, chunk in ipairs(over_line) do
      width = width + vim.fn.strdisplaywidth(chunk[1])
    end
    over_line[#over_line + 1] = { (" "):rep(vim.fn.strdisplaywidth(tail) - width), "Normal" }
    api.nvim_buf_set_extmark(buffer, namespace, row, column, { virt_text = over_line, virt_text_pos = "overlay" })
  end
  if #below > 0 then
    api.nvim_buf_set_extmark(buffer, namespace, row, column, { virt_lines = below })
  end
end

function M.clear(buffer)
  if api.nvim_buf_is_valid(buffer) then
    api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  end
end

function M.set_highlights()
  api.nvim_set_hl(0, "SlipstreamGhost", { link = "Comment", default = true })
end

return M
