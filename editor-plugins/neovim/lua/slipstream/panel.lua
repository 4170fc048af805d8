-- A window for an answer that streams: scratch, Markdown, `q` closes it and cancels what still comes.
local config = require("slipstream.config")

local M = {}
M.__index = M

local api = vim.api

--- Open a window titled `title`. `on_close()` is called once when its buffer goes.
function M.open(title, on_close)
  local before = api.nvim_get_current_win()
  vim.cmd(config.values.split)
  local window, buffer = api.nvim_get_current_win(), api.nvim_create_buf(false, true)
  api.nvim_win_set_buf(window, buffer)
  vim.bo[buffer].bufhidden = "wipe"
  vim.bo[buffer].filetype = "markdown"
  vim.bo[buffer].modifiable = false
  vim.wo[window].wrap = true
  vim.wo[window].linebreak = true
  vim.wo[window].number = false
  vim.wo[window].winbar = nil
  local self = setmetatable({ buffer = buffer, window = window, title = title }, M)
  api.nvim_create_autocmd("BufWipeout", { buffer = buffer, once = true, callback = on_close })
  self:key("q", "close", function()
    self:close()
  end)
  api.nvim_set_current_win(before)
  self:hint("q cancels")
  return self
end

function M:is_open()
  return api.nvim_buf_is_valid(self.buffer)
end

function M:close()
  if self:is_open() then
    api.nvim_buf_delete(self.buffer, { force = true })
  end
end

function M:key(lhs, description, callback)
  vim.keymap.set("n", lhs, callback, { buffer = self.buffer, nowait = true, desc = "Slipstream: " .. description })
end

--- Say above the text what can be done.
function M:hint(words)
  if api.nvim_win_is_valid(self.window) then
    local line = ("%%#Title#%s%%#Comment#  %s"):format(self.title:gsub("%%", "%%%%"), (words:gsub("%%", "%%%%")))
    vim.wo[self.window].winbar = line
  end
end

--- Add `text` at the end. The window follows only while its cursor is there.
function M:append(text)
  if not self:is_open() then
    return
  end
  local last = api.nvim_buf_line_count(self.buffer)
  local following = api.nvim_win_is_valid(self.window) and api.nvim_win_get_cursor(self.window)[1] == last
  vim.bo[self.buffer].modifiable = true
  local lines = vim.split(text:gsub("\r\n", "\n"), "\n", { plain = true })
  api.nvim_buf_set_text(self.buffer, last - 1, -1, last - 1, -1, lines)
  vim.bo[self.buffer].modifiable = false
  if following then
    api.nvim_win_set_cursor(self.window, { api.nvim_buf_line_count(self.buffer), 0 })
  end
end

--- Add a paragraph.
function M:add(text)
  local lines = api.nvim_buf_get_lines(self.buffer, 0, -1, false)
  local empty = #lines == 1 and lines[1] == ""
  self:append((empty and "" or lines[#lines] == "" and "\n" or "\n\n") .. text)
end

--- Put `text` in place of all that was there.
function M:replace(text, filetype)
  vim.bo[self.buffer].modifiable = true
  api.nvim_buf_set_lines(self.buffer, 0, -1, false, vim.split(text:gsub("\n$", ""), "\n", { plain = true }))
  vim.bo[self.buffer].modifiable = false
  vim.bo[self.buffer].filetype = filetype
  if api.nvim_win_is_valid(self.window) then
    api.nvim_win_set_cursor(self.window, { 1, 0 })
  end
end

return M
