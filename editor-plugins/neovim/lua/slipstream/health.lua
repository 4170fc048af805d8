-- `:checkhealth slipstream`
local M = {}

local health = vim.health
-- 0.9 has the older names as well; both mean the same.
local begin = health.start or health.report_start
local ok = health.ok or health.report_ok
local info = health.info or health.report_info
local warn = health.warn or health.report_warn
local fail = health.error or health.report_error

local function check_neovim()
  begin("Neovim")
  local version = vim.version()
  local name = ("Neovim %d.%d.%d"):format(version.major, version.minor, version.patch)
  if vim.fn.has("nvim-0.9") == 0 then
    fail(name .. " is too old", { "Slipstream needs Neovim 0.9 or newer." })
    return false
  end
  ok(name)
  if vim.fn.has("nvim-0.10") == 0 then
    info("Before Neovim 0.10 the rest of a line loses its colours while a suggestion stands before it.")
  end
  local native = vim.lsp.inline_completion
  local own = require("slipstream.config").values.ghost == "own"
  if native and own and native.is_enabled and native.is_enabled() then
    warn("vim.lsp.inline_completion is on as well, so suggestions may be drawn twice", {
      "Leave it off, or let it draw alone: require('slipstream').setup({ ghost = 'native' })",
    })
  end
  return true
end

--- Run a program and wait; its output and exit status.
local function output_of(command)
  local lines = vim.fn.systemlist(command)
  return lines, vim.v.shell_error
end

local function check_server()
  begin("The language server")
  local server = require("slipstream.server")
  local command = server.command()
  if not command then
    fail("No `slipstream` command was found", {
      "Install it as its README says, so that it is on PATH",
      "or name it: require('slipstream').setup({ cmd = '/path/to/slipstream' })",
    })
    return
  end
  ok("It is started with: " .. table.concat(command, " "))
  local running = require("slipstream.client").all()
  info(#running == 0 and "It does not run now; it starts with the first file." or ("%d run now."):format(#running))
  local failure = require("slipstream.status").last_failure
  if failure then
    warn(failure)
  end
  local program = server.program()
  if not program then
    info("What it needs cannot be checked from here: run `slipstream doctor` in a terminal.")
    return
  end
  local lines = output_of(vim.list_extend(vim.deepcopy(program), { "doctor", "--json" }))
  local read, report = pcall(vim.json.decode, table.concat(lines, "\n"))
  if not read or type(report) ~= "table" or not report.findings then
    fail("`" .. table.concat(program, " ") .. " doctor` did not answer as Slipstream does", vim.list_slice(lines, 1, 5))
    return
  end
  ok("Slipstream " .. report.version)
  local says = { ok = ok, warn = warn, fail = fail }
  for _, finding in ipairs(report.findings) do
    local advice = finding.next_step ~= "" and { finding.next_step } or nil
    says[finding.verdict](("%s: %s"):format(finding.title, finding.detail), advice)
  end
end

local function check_keys()
  begin("Keys")
  local lost = require("slipstream.keys").lost()
  for _, key in ipairs(lost) do
    warn(("%s does not %s: it is mapped to %s"):format(key[1], key[2], key[3] ~= "" and key[3] or "something else"), {
      "Map another key to it (`:help slipstream-keys`), or load Slipstream after what maps this one.",
    })
  end
  if #lost == 0 then
    ok("All keys are mapped; where no suggestion is visible they do what they did before.")
  end
  for name, module in pairs({ ["copilot.vim"] = vim.g.loaded_copilot, ["copilot.lua"] = package.loaded["copilot"] }) do
    if module then
      warn(name .. " is loaded as well, and draws suggestions of its own", { "Disable one of the two." })
    end
  end
end

function M.check()
  if check_neovim() then
    require("slipstream").ensure_setup()
    check_server()
    check_keys()
  end
end

return M
