-- Slipstream in Neovim: completions and answers of a model on your own machine. The language server thinks, this draws.
-- `:help slipstream`
local M = {}

local group
local is_set_up = false

--- Set up, or set up anew with other settings. Does nothing on a Neovim that is too old.
function M.setup(options)
  if vim.fn.has("nvim-0.9") == 0 then
    return
  end
  local client, config = require("slipstream.client"), require("slipstream.config")
  local completion, ghost = require("slipstream.completion"), require("slipstream.ghost")
  local keys = require("slipstream.keys")
  is_set_up = true
  for _, problem in ipairs(config.set(options)) do
    client.notify("in your settings " .. problem .. "; see `:help slipstream-settings`", vim.log.levels.WARN)
  end
  if config.values.ghost == "native" and not vim.lsp.inline_completion then
    client.notify('this Neovim cannot draw suggestions itself; `ghost = "own"` is used', vim.log.levels.WARN)
    config.values.ghost = "own"
  end
  ghost.set_highlights()
  keys.set()
  group = vim.api.nvim_create_augroup("slipstream", { clear = true })
  if config.values.ghost == "own" then
    completion.listen(group)
  end
  local function attach(buffer)
    if client.attach(buffer) then
      -- Later, because others map their keys at the same events.
      vim.schedule(function()
        if vim.api.nvim_buf_is_valid(buffer) then
          keys.set_in_buffer(buffer)
        end
      end)
    end
  end
  vim.api.nvim_create_autocmd({ "FileType", "BufEnter", "BufWritePost" }, {
    group = group,
    desc = "Slipstream: attach",
    callback = function(event)
      attach(event.buf)
    end,
  })
  vim.api.nvim_create_autocmd("ColorScheme", { group = group, callback = ghost.set_highlights })
  attach(vim.api.nvim_get_current_buf())
end

--- Set up with defaults, or with vim.g.slipstream, where nobody has.
function M.ensure_setup()
  if not is_set_up then
    M.setup()
  end
end

--- Whether a suggestion is visible at the caret.
function M.visible()
  return require("slipstream.keys").suggestions().visible_text() ~= nil
end

--- Each of these is false where no suggestion is visible at the caret, and does nothing then.
function M.accept()
  return require("slipstream.keys").suggestions().accept()
end

function M.accept_word()
  return require("slipstream.keys").suggestions().accept_word()
end

function M.accept_line()
  return require("slipstream.keys").suggestions().accept_line()
end

function M.dismiss()
  return require("slipstream.keys").suggestions().dismiss()
end

function M.next()
  return require("slipstream.keys").suggestions().cycle(1)
end

function M.previous()
  return require("slipstream.keys").suggestions().cycle(-1)
end

--- Ask for suggestions here.
function M.trigger()
  return require("slipstream.keys").suggestions().trigger()
end

--- A short text for 'statusline': %{%v:lua.require'slipstream'.statusline()%}
function M.statusline()
  return require("slipstream.status").line()
end

return M
