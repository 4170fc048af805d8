-- Suggestions while someone types: asks the server, keeps what is shown in step with the text, takes it.
--
-- `shown` is on the screen and always fits the text and the caret: every event that changes either passes `sync` before
-- Neovim draws. `asked` is the one request that counts; an answer to any other, or for another state of the text, is
-- dropped.
local client = require("slipstream.client")
local config = require("slipstream.config")
local ghost = require("slipstream.ghost")
local placing = require("slipstream.placing")
local text = require("slipstream.text")

local M = {}

local api = vim.api
local INVOKED, AUTOMATIC = 1, 2

local shown, asked, last, pending
local shown_id
local ask_timer, rest_timer = vim.loop.new_timer(), vim.loop.new_timer()

-- ---------------------------------------------------------------------------------------------- where we are

local function place()
  local cursor = api.nvim_win_get_cursor(0)
  local buffer = api.nvim_get_current_buf()
  return { buffer = buffer, tick = api.nvim_buf_get_changedtick(buffer), row = cursor[1] - 1, column = cursor[2] }
end

local function same(one, other)
  return one.buffer == other.buffer
    and one.tick == other.tick
    and one.row == other.row
    and one.column == other.column
end

local function inserting()
  return api.nvim_get_mode().mode:sub(1, 1) == "i"
end

-- -------------------------------------------------------------------------------------------------- showing

local function tell(method, params, buffer)
  local server = client.ready(buffer)
  if server then
    client.tell(server, method, params)
  end
end

local function id_of(item)
  local argument = item.command and item.command.arguments and item.command.arguments[1]
  return type(argument) == "table" and argument.id or nil
end

local function hide()
  if shown then
    ghost.clear(shown.buffer)
    shown = nil
  end
end

--- Draw `shown`, and say once for each suggestion that it is seen.
local function show(suggestion)
  shown = suggestion
  ghost.draw(shown.buffer, shown.row, shown.column, shown.text, shown.over)
  local id = id_of(shown.item)
  if id ~= shown_id or id == nil then
    shown_id = id
    tell("textDocument/didShowCompletion", { item = shown.item }, shown.buffer)
  end
end

--- Whether `new` says less than what is shown, as the first lines of a stream do that was asked for anew.
local function says_less(new)
  return shown and shown.over == new.over and #new.text < #shown.text and vim.startswith(shown.text, new.text)
end

local function take(items, here, encoding, options)
  if shown and shown.chosen and not options.invoked then
    -- Someone leafed to it. What the server likes better must not take its place.
    return
  end
  local fitting = {}
  for _, item in ipairs(items) do
    fitting[#fitting + 1] = placing.fit(item, here, encoding)
  end
  if #fitting == 0 then
    if options.final then
      hide()
    end
    return
  end
  if not options.final and says_less(fitting[1]) then
    return
  end
  local index = options.step and options.final and (options.step % #fitting) + 1 or 1
  for number, suggestion in ipairs(fitting) do
    suggestion.all, suggestion.index, suggestion.invoked = fitting, number, options.invoked
  end
  fitting[index].chosen = index > 1
  show(fitting[index])
  if options.step and options.final and #fitting == 1 then
    api.nvim_echo({ { "Slipstream: there is no other suggestion" } }, false, {})
  end
end

-- --------------------------------------------------------------------------------------------------- asking

local function cancel()
  ask_timer:stop()
  if asked then
    asked.cancel()
    asked = nil
  end
end

--- Ask the server about the caret. `step`: which of several suggestions to show, counted from the first.
local function ask(kind, step)
  local here = place()
  local server = client.ready(here.buffer)
  if not server or not inserting() or not client.wanted(here.buffer) or vim.fn.reg_executing() ~= "" then
    return
  end
  local encoding = server.offset_encoding
  local params = vim.lsp.util.make_position_params(0, encoding)
  params.context = { triggerKind = kind }
  local this = { invoked = kind == INVOKED, step = step }
  local function holds()
    return asked == this and inserting() and same(here, place())
  end
  -- The server sees by itself that an older request has lost its point, so it is not cancelled.
  asked = this
  this.cancel = client.request_growing(server, "textDocument/inlineCompletion", params, function(value)
    if holds() then
      take(value.items, here, encoding, { invoked = this.invoked, step = step })
    end
  end, function(err, result)
    local holding = holds()
    if asked == this then
      asked = nil
    end
    if holding and not err and type(result) == "table" then
      take(result.items or result, here, encoding, { invoked = this.invoked, step = step, final = true })
    end
  end, here.buffer)
end

local function ask_soon()
  ask_timer:stop()
  -- Even without a delay not before the key itself is drawn.
  ask_timer:start(config.values.debounce_ms, 0, vim.schedule_wrap(function()
    ask(AUTOMATIC)
  end))
end

--- What is selected, as a range of the protocol; nil where nothing is.
local function selection(buffer, encoding)
  local mode = vim.fn.mode()
  if mode ~= "v" and mode ~= "V" and mode ~= "\22" then
    return nil
  end
  local from, to = vim.fn.getpos("v"), vim.fn.getpos(".")
  if to[2] < from[2] or (to[2] == from[2] and to[3] < from[3]) then
    from, to = to, from
  end
  local first, last = from[3] - 1, to[3] - 1
  if mode == "V" then
    first, last = 0, math.max(0, #vim.fn.getline(to[2]) - 1)
  end
  return vim.lsp.util.make_given_range_params({ from[2], first }, { to[2], last }, buffer, encoding).range
end

--- What is wrong in the file, as diagnostics of the protocol, the first few.
local function problems(buffer)
  local found = {}
  for _, it in ipairs(vim.diagnostic.get(buffer)) do
    if #found == 20 then
      break
    end
    local start = { line = it.lnum, character = it.col }
    local stop = { line = it.end_lnum or it.lnum, character = it.end_col or it.col }
    found[#found + 1] = { range = { start = start, ["end"] = stop }, message = it.message, source = it.source }
  end
  return found
end

--- The caret stays here without an edit: the server may read ahead, and a companion window offers what is here.
local function rest_soon()
  rest_timer:stop()
  rest_timer:start(config.values.rest_ms, 0, vim.schedule_wrap(function()
    local here = place()
    local server = client.ready(here.buffer)
    local experimental = server and server.server_capabilities.experimental
    if server and client.wanted(here.buffer) and experimental and experimental.slipstream then
      local params = vim.lsp.util.make_position_params(0, server.offset_encoding)
      params.selection = selection(here.buffer, server.offset_encoding)
      params.diagnostics = problems(here.buffer)
      client.tell(server, "slipstream/didMoveCaret", params)
    end
  end))
end

-- --------------------------------------------------------------------------------------- keeping in step

--- Bring what is shown in line with the text and the caret, and ask again where something was typed.
local function sync()
  local here = place()
  if last and same(last, here) then
    return
  end
  local edited = not last or last.buffer ~= here.buffer or last.tick ~= here.tick
  last = here
  if not edited then
    hide()
    cancel()
    return rest_soon()
  end
  if shown then
    local followed = placing.follow(shown, here)
    if followed then
      show(followed)
    else
      hide()
    end
  end
  ask_soon()
end

local function leave()
  if shown then
    tell("slipstream/didDismissCompletion", { item = shown.item }, shown.buffer)
  end
  hide()
  cancel()
  last = nil
end

-- --------------------------------------------------------------------------------------------------- taking

--- The suggestion at the caret; nil where none is visible there.
local function visible()
  if shown and inserting() and same(shown, place()) then
    return shown
  end
  return nil
end

--- Put the first `length` bytes of what is shown into the text.
local function put(length)
  local this = visible()
  if not this then
    return
  end
  local chunk, left = this.text:sub(1, length), this.text:sub(length + 1)
  local over = placing.line_at(this.buffer, this.row):sub(this.column + 1, this.column + this.over)
  local dropped = 0
  while not text.is_within(over:sub(dropped + 1), left) do
    dropped = dropped + 1
  end
  local lines = text.lines(chunk)
  api.nvim_buf_set_text(this.buffer, this.row, this.column, this.row, this.column + dropped, lines)
  local column = #lines[#lines] + (#lines == 1 and this.column or 0)
  api.nvim_win_set_cursor(0, { this.row + #lines, column })
  local taken = this.whole:sub(1, this.consumed + length)
  if left == "" then
    hide()
    local server, command = client.ready(this.buffer), this.item.command
    if server and command then
      local params = { command = command.command, arguments = command.arguments }
      client.request(server, "workspace/executeCommand", params, function() end, this.buffer)
    end
  else
    local _, line_ends = taken:gsub("\n", "")
    local crlf = this.item.insertText:find("\r\n", 1, true) and line_ends or 0
    local params = { item = this.item, acceptedLength = text.utf16_length(taken) + crlf }
    tell("textDocument/didPartiallyAcceptCompletion", params, this.buffer)
  end
  sync()
end

--- Run by the keys that `accept_part` presses.
function M.put_pending()
  local length = pending
  pending = nil
  if length then
    put(length)
  end
end

-- CTRL-G u ends the undo step before and after.
local press = api.nvim_replace_termcodes(
  "<C-G>u<Cmd>lua require('slipstream.completion').put_pending()<CR><C-G>u",
  true,
  false,
  true
)

--- Take as much of the suggestion as `part` cuts off. False where none is visible at the caret.
local function accept_part(part)
  local this = visible()
  if not this then
    return false
  end
  pending = #part(this.text)
  -- At the front of what is typed already: the next key comes after the suggestion.
  api.nvim_feedkeys(press, "in", false)
  return true
end

-- --------------------------------------------------------------------------------------------------- public

function M.accept()
  return accept_part(function(whole)
    return whole
  end)
end

function M.accept_word()
  return accept_part(text.first_word)
end

function M.accept_line()
  return accept_part(text.first_line)
end

function M.dismiss()
  if not visible() then
    return false
  end
  tell("slipstream/didDismissCompletion", { item = shown.item }, shown.buffer)
  hide()
  cancel()
  return true
end

--- Show another suggestion for this place, `step` further on; asks for several first where there is only one.
function M.cycle(step)
  local this = visible()
  if not this then
    return false
  end
  if this.invoked and this.all and #this.all > 1 then
    local next = this.all[(this.index - 1 + step) % #this.all + 1]
    next.chosen = true
    show(next)
  else
    ask(INVOKED, step)
  end
  return true
end

--- Ask explicitly.
function M.trigger()
  ask(INVOKED)
  return true
end

--- What is visible at the caret, as text; nil where nothing is.
function M.visible_text()
  local this = visible()
  return this and this.text
end

--- Ask anew where nothing is visible: what was asked in vain may be answered now.
function M.again()
  if not visible() and inserting() then
    ask_soon()
  end
end

--- Forget everything; used when suggestions are switched off.
function M.stop()
  hide()
  cancel()
  last = nil
end

--- Follow what happens in buffers. `group`: an augroup.
function M.listen(group)
  local function on(events, callback)
    api.nvim_create_autocmd(events, { group = group, callback = callback, desc = "Slipstream: ghost text" })
  end
  on({ "TextChangedI", "TextChangedP", "CursorMovedI" }, function(event)
    if client.of(event.buf) then
      sync()
    end
  end)
  on("InsertEnter", function(event)
    if client.of(event.buf) then
      last = nil
      -- The mode is not insert yet.
      vim.schedule(function()
        if inserting() then
          sync()
        end
      end)
    end
  end)
  on({ "InsertLeave", "BufLeave", "WinLeave" }, leave)
  on({ "CursorMoved", "BufEnter" }, function(event)
    if client.of(event.buf) then
      rest_soon()
    end
  end)
  on("BufEnter", function(event)
    tell("textDocument/didFocus", { textDocument = vim.lsp.util.make_text_document_params(event.buf) }, event.buf)
  end)
  on("LspAttach", rest_soon)
end

return M
