-- A change that the model proposes: shown as a diff, made only when someone accepts it.
local client = require("slipstream.client")

local M = {}

local api = vim.api

--- The loaded buffers that `edit` changes, with the state of their text.
local function ticks(edit)
  local found = {}
  local function add(uri)
    local buffer = vim.uri_to_bufnr(uri)
    if api.nvim_buf_is_loaded(buffer) then
      found[buffer] = api.nvim_buf_get_changedtick(buffer)
    end
  end
  for uri in pairs(edit.changes or {}) do
    add(uri)
  end
  for _, change in ipairs(edit.documentChanges or {}) do
    if change.textDocument then
      add(change.textDocument.uri)
    end
  end
  return found
end

local function is_current(before)
  for buffer, tick in pairs(before) do
    if not api.nvim_buf_is_loaded(buffer) or api.nvim_buf_get_changedtick(buffer) ~= tick then
      return false
    end
  end
  return true
end

--- Versions count differently after a file was read anew; what counts is checked here.
local function without_versions(edit)
  edit = vim.deepcopy(edit)
  for _, change in ipairs(edit.documentChanges or {}) do
    if change.textDocument then
      -- Not vim.NIL: Neovim compares it as a number, and fails.
      change.textDocument.version = nil
    end
  end
  return edit
end

--- Show `diff` in `panel`. `a` makes the change, `q` does not.
function M.show(panel, edit, diff, encoding)
  local before = ticks(edit)
  panel:replace(diff, "diff")
  panel:hint("a accepts · q discards")
  panel:key("a", "accept the change", function()
    if not is_current(before) then
      client.notify("the text changed meanwhile, so nothing was done; ask again", vim.log.levels.WARN)
      return
    end
    panel:close()
    vim.lsp.util.apply_workspace_edit(without_versions(edit), encoding)
    client.notify("the change is made; undo takes it back")
  end)
end

return M
