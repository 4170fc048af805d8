-- Where the language server is.
local config = require("slipstream.config")

local M = {}

M.missing = "Slipstream: no `slipstream` command was found. Install it as its README says, "
  .. 'so that it is on PATH, or name it: require("slipstream").setup({ cmd = "/path/to/slipstream" }).'

--- The repository that this plugin is part of: <root>/editor-plugins/neovim/lua/slipstream/server.lua.
local function repository()
  local here = vim.fn.fnamemodify(debug.getinfo(1, "S").source:sub(2), ":p")
  return vim.fn.fnamemodify(here, ":h:h:h:h:h")
end

--- The program alone, as a list without `lsp`; nil where there is none or it cannot be told from its arguments.
function M.program()
  local cmd = config.values.cmd
  if type(cmd) == "table" then
    if cmd[#cmd] ~= "lsp" then
      return nil
    end
    return vim.list_slice(cmd, 1, #cmd - 1)
  end
  if cmd then
    local path = vim.fn.exepath(vim.fn.expand(cmd))
    return path ~= "" and { path } or nil
  end
  for _, candidate in ipairs({ "slipstream", repository() .. "/.venv/bin/slipstream" }) do
    local path = vim.fn.exepath(candidate)
    if path ~= "" then
      return { path }
    end
  end
  return nil
end

--- The command that starts the server, as a list; nil where there is none.
function M.command()
  local cmd, command = config.values.cmd, nil
  if type(cmd) == "table" then
    command = vim.fn.executable(cmd[1] or "") == 1 and vim.deepcopy(cmd) or nil
  else
    local program = M.program()
    if program and vim.fn.fnamemodify(program[1], ":t"):find("^slipstream%-language%-server") then
      command = program
    elseif program then
      command = vim.list_extend(program, { "lsp" })
    end
  end
  if command and config.values.host then
    vim.list_extend(command, { "--host", config.values.host })
  end
  return command
end

return M
