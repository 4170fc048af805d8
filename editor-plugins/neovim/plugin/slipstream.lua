-- Loaded at start by every Neovim: says so where the version is too old, else sets the plugin up.
if vim.g.loaded_slipstream then
  return
end
vim.g.loaded_slipstream = 1

if vim.fn.has("nvim-0.9") == 0 then
  local message = "Slipstream needs Neovim 0.9 or newer; completions are off."
  vim.cmd(("echohl WarningMsg | echomsg '%s' | echohl None"):format(message))
  return
end

vim.api.nvim_create_user_command("Slipstream", function(call)
  require("slipstream.command").run(call)
end, {
  nargs = "+",
  range = true,
  desc = "Slipstream: completions and questions to a local model",
  complete = function(...)
    return require("slipstream.command").complete(...)
  end,
})

-- Later, so that a plugin manager's setup() with the user's settings comes first.
local function later()
  vim.schedule(function()
    require("slipstream").ensure_setup()
  end)
end

if vim.v.vim_did_enter == 1 then
  later()
else
  vim.api.nvim_create_autocmd("VimEnter", { once = true, desc = "Slipstream: set up", callback = later })
end
