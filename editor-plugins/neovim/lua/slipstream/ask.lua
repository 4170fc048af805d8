-- Questions about a piece of text. The answer streams into a window; a change comes as a diff.
local client = require("slipstream.client")
local panel = require("slipstream.panel")
local proposal = require("slipstream.proposal")
local range = require("slipstream.range")

local M = {}

local api = vim.api

--- What people type after `:Slipstream`, and the server's names.
M.kinds = {
  explain = "explain",
  fix = "fix",
  document = "document",
  tests = "tests",
  rename = "rename",
  commit = "commitMessage",
  chat = "chat",
}

local function is(value)
  return value ~= nil and value ~= vim.NIL and value ~= ""
end

--- What other servers and linters found wrong `within` a range, in the protocol's form.
local function diagnostics_in(buffer, within, encoding)
  local found = {}
  for _, diagnostic in ipairs(vim.diagnostic.get(buffer)) do
    if diagnostic.lnum <= within["end"].line and (diagnostic.end_lnum or diagnostic.lnum) >= within.start.line then
      found[#found + 1] = {
        range = {
          start = range.position(buffer, diagnostic.lnum, diagnostic.col, encoding),
          ["end"] = range.position(
            buffer,
            diagnostic.end_lnum or diagnostic.lnum,
            diagnostic.end_col or diagnostic.col,
            encoding
          ),
        },
        severity = diagnostic.severity,
        message = diagnostic.message,
        source = diagnostic.source,
      }
    end
  end
  return found
end

local ask

--- Questions after the first go to the same window.
local function go_on(window, command, argument, messages)
  window:hint("<CR> asks on · q closes")
  window:key("<CR>", "ask on", function()
    vim.ui.input({ prompt = "Ask on: " }, function(question)
      if is(question) then
        ask(window, command, vim.tbl_extend("force", argument, { question = question, messages = messages }))
      end
    end)
  end)
end

local function offer_commit_message(window, message, buffer)
  local into_buffer = api.nvim_buf_is_valid(buffer) and vim.bo[buffer].filetype == "gitcommit"
  window:hint((into_buffer and "a puts it into the message" or "a copies it") .. " · q closes")
  window:key("a", "take the message", function()
    window:close()
    if into_buffer then
      api.nvim_buf_set_lines(buffer, 0, 0, false, vim.split(message, "\n", { plain = true }))
    else
      vim.fn.setreg('"', message)
      client.notify('the message is in register "')
    end
  end)
end

--- One of the names that came; the first has its change with it.
local function choose_name(window, command, argument, result, encoding)
  vim.ui.select(result.names, { prompt = "A better name:" }, function(name)
    if not (name and window:is_open()) then
      return
    end
    if name == result.names[1] and is(result.edit) then
      proposal.show(window, result.edit, result.diff, encoding)
    else
      ask(window, command, vim.tbl_extend("force", argument, { name = name }))
    end
  end)
end

local function finish(window, command, argument, result, encoding, buffer)
  window:hint("q closes")
  if #(result.names or {}) > 1 then
    return choose_name(window, command, argument, result, encoding)
  end
  if is(result.edit) and is(result.diff) then
    return proposal.show(window, result.edit, result.diff, encoding)
  end
  if is(result.note) then
    window:add("*" .. result.note .. "*")
  end
  if is(result.commitMessage) then
    return offer_commit_message(window, result.commitMessage, buffer)
  end
  if result.kind == "chat" or result.kind == "explain" then
    local messages = vim.deepcopy(argument.messages or {})
    messages[#messages + 1] = { role = "user", content = is(argument.question) and argument.question or result.title }
    messages[#messages + 1] = { role = "assistant", content = result.text }
    go_on(window, "slipstream.ask.chat", argument, messages)
  end
end

--- Send `command` with `argument` and let the answer flow into `window`.
ask = function(window, command, argument)
  local server, buffer = window.server, window.source
  local flowed = false
  if argument.messages then
    window:add("**" .. argument.question .. "**\n\n")
  end
  window:hint("q cancels")
  window.cancel = client.request_streaming(server, command, argument, function(event)
    if event.kind == "begin" then
      window.title = event.title
      window:hint("q cancels")
    elseif event.kind == "text" then
      flowed = true
      window:append(event.text)
    end
  end, function(err, result)
    window.cancel = nil
    if not window:is_open() then
      return
    end
    if err then
      window:hint("q closes")
      window:add(("**%s**"):format(err.message))
    else
      if not flowed and is(result.text) then
        window:append(result.text)
      end
      finish(window, command, argument, result, server.offset_encoding, buffer)
    end
  end, buffer)
end

local function start(server, command, argument, title)
  local window
  window = panel.open(title, function()
    if window.cancel then
      window.cancel()
      window.cancel = nil
    end
  end)
  window.server, window.source = server, api.nvim_get_current_buf()
  ask(window, command, argument)
end

--- `:Slipstream <kind> [words]`; `call` as Neovim gives it to a user command.
function M.run(kind, words, call)
  local server = client.ready_or_say(api.nvim_get_current_buf())
  if not server then
    return
  end
  local buffer, encoding = api.nvim_get_current_buf(), server.offset_encoding
  local argument = { uri = vim.uri_from_bufnr(buffer), question = words ~= "" and words or nil }
  if kind ~= "commit" and (kind ~= "chat" or call.range > 0) then
    argument.range = range.of(call, encoding)
  end
  if kind == "fix" then
    argument.diagnostics = diagnostics_in(buffer, argument.range, encoding)
  end
  local command = "slipstream.ask." .. M.kinds[kind]
  if kind == "chat" and words == "" then
    return vim.ui.input({ prompt = "Ask: " }, function(question)
      if is(question) then
        argument.question = question
        start(server, command, argument, question)
      end
    end)
  end
  start(server, command, argument, kind)
end

--- A command that came with a code action.
function M.command(action)
  local server = client.ready_or_say(api.nvim_get_current_buf())
  if server then
    start(server, action.command, vim.deepcopy((action.arguments or {})[1] or {}), action.title or action.command)
  end
end

--- Why the last suggestion was made, as the server tells it.
function M.why()
  local server = client.ready_or_say(api.nvim_get_current_buf())
  if not server then
    return
  end
  local window = panel.open("why this suggestion", function() end)
  client.request(server, "slipstream/why", vim.empty_dict(), function(err, result)
    if window:is_open() then
      window:hint("q closes")
      if err then
        window:add(err.message)
      elseif type(result) == "table" then
        window:replace(result.markdown, "markdown")
      else
        window:add("No suggestion has been shown yet, or what it came from is not remembered any more.")
      end
    end
  end, api.nvim_get_current_buf())
end

return M
