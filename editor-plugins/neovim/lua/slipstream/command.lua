-- `:Slipstream`: its words, and what they do.
local ask = require("slipstream.ask")
local client = require("slipstream.client")
local completion = require("slipstream.completion")
local status = require("slipstream.status")
local steering = require("slipstream.steering")

local M = {}

local function echo(lines)
  client.notify(table.concat(lines, "\n"))
end

local settling_ms = 200

local function switch(on, filetype)
  filetype = filetype ~= "" and filetype or nil
  client.switch(on, filetype)
  if on then
    -- The server takes the settings in first; a key that was quicker than that got no answer.
    vim.defer_fn(completion.again, settling_ms)
  else
    completion.stop()
  end
  echo({ ("suggestions are %s%s"):format(on and "on" or "off", filetype and " in " .. filetype or "") })
end

local commands = {
  enable = function(filetype)
    switch(true, filetype)
  end,
  disable = function(filetype)
    switch(false, filetype)
  end,
  toggle = function(filetype)
    switch(not client.is_on(filetype ~= "" and filetype or nil), filetype)
  end,
  status = function()
    local server = client.ready_or_say(0)
    if not server then
      return
    end
    client.request(server, "slipstream/status", vim.empty_dict(), function(err, result)
      echo(err and { err.message } or status.report(result))
    end, vim.api.nvim_get_current_buf())
  end,
  why = ask.why,
  context = steering.context,
  pin = steering.pin,
  never = steering.never,
  choices = steering.choices,
  reset = steering.reset,
  rules = steering.rules,
  restart = client.restart,
  log = function()
    vim.cmd.tabnew(vim.fn.fnameescape(vim.lsp.get_log_path()))
  end,
}

local names = vim.list_extend(vim.tbl_keys(commands), vim.tbl_keys(ask.kinds))
table.sort(names)

--- Run `:Slipstream <word> [more]`.
function M.run(call)
  require("slipstream").ensure_setup()
  local word, more = call.args:match("^(%S+)%s*(.-)%s*$")
  if ask.kinds[word] then
    ask.run(word, more, call)
  elseif commands[word] then
    commands[word](more, call)
  else
    local known = table.concat(names, ", ")
    client.notify(("there is no `:Slipstream %s`; it is one of %s"):format(word, known), vim.log.levels.ERROR)
  end
end

function M.complete(lead, line)
  local candidates = names
  local word = line:match("^%S+%s+(%S+)%s")
  if word then
    local takes_filetype = vim.tbl_contains({ "enable", "disable", "toggle" }, word)
    local kind = takes_filetype and "filetype" or word == "never" and "file" or nil
    candidates = kind and vim.fn.getcompletion(lead, kind) or {}
  end
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, candidates)
end

return M
