-- What of other files the model was shown, and what the user wants it to see: pinned, not this piece, never this file.
local client = require("slipstream.client")
local range = require("slipstream.range")

local M = {}

local api = vim.api

local function is(value)
  return value ~= nil and value ~= vim.NIL
end

--- Tell the server; `done(result)` is called with its answer, or nothing. What goes wrong is shown.
local function tell(command, argument, done, buffer)
  buffer = buffer or api.nvim_get_current_buf()
  local server = client.ready_or_say(buffer)
  if not server then
    return
  end
  argument.uri = argument.uri or vim.uri_from_bufnr(buffer)
  local params = { command = command, arguments = { argument } }
  client.request(server, "workspace/executeCommand", params, function(err, result)
    if err then
      client.notify(err.message, vim.log.levels.WARN)
    end
    done(not err and result or nil)
  end, buffer)
end

--- As `tell`, with what is chosen for the project then.
local function change(name, argument, done, buffer)
  tell("slipstream.context." .. name, argument, done, buffer)
end

--- As `change`, and say `words` where that went well.
local function change_and_say(name, argument, words)
  change(name, argument, function(choices)
    if choices then
      client.notify(words)
    end
  end)
end

-- --------------------------------------------------------------------------------------- of one suggestion

local function place_of(piece)
  return ("%s:%d-%d"):format(piece.origin, piece.firstLine, piece.lastLine)
end

local function words_for(piece)
  local said = { piece.reason }
  if is(piece.tokens) then
    said[#said + 1] = ("%d tokens"):format(is(piece.kept) and piece.kept or piece.tokens)
  end
  if is(piece.score) then
    said[#said + 1] = ("score %.2f"):format(piece.score)
  end
  return ("%s  %s"):format(place_of(piece), table.concat(said, ", "))
end

--- The server finds the lines in the text of an open document. One that was not open is so for that moment only.
local function pin_piece(piece, path)
  local buffer = vim.fn.bufadd(path)
  local was_loaded = api.nvim_buf_is_loaded(buffer)
  vim.fn.bufload(buffer)
  client.attach(buffer)
  local lines = {
    start = { line = piece.firstLine - 1, character = 0 },
    ["end"] = { line = piece.lastLine, character = 0 },
  }
  change("pin", { range = lines }, function(choices)
    if choices then
      client.notify(place_of(piece) .. " is shown to the model from now on")
    end
    if not was_loaded and api.nvim_buf_is_valid(buffer) and #vim.fn.win_findbuf(buffer) == 0 then
      api.nvim_buf_delete(buffer, {})
    end
  end, buffer)
end

local actions = {
  {
    "Open",
    function(piece, path)
      vim.cmd.edit(vim.fn.fnameescape(path))
      api.nvim_win_set_cursor(0, { math.min(piece.firstLine, api.nvim_buf_line_count(0)), 0 })
    end,
  },
  { "Pin: always show these lines", pin_piece },
  {
    "Don't show this piece again",
    function(piece)
      local words = ("this piece of %s is not shown to the model any more"):format(piece.origin)
      change_and_say("ban", { path = piece.origin, text = piece.text }, words)
    end,
  },
  {
    "Never from this file",
    function(piece)
      local words = ("nothing of %s is shown to the model any more"):format(piece.origin)
      change_and_say("never", { path = piece.origin }, words)
    end,
  },
}

--- Choose among the pieces of other files that the last suggestion was made from, and what to do with one.
function M.context()
  local buffer = api.nvim_get_current_buf()
  local server = client.ready_or_say(buffer)
  if not server then
    return
  end
  client.request(server, "slipstream/why", vim.empty_dict(), function(err, result)
    if err then
      return client.notify(err.message, vim.log.levels.WARN)
    end
    local pieces = vim.tbl_filter(function(part)
      return part.part == "snippet" and is(part.origin)
    end, is(result) and result.parts or {})
    if #pieces == 0 then
      return client.notify(
        is(result) and "the last suggestion was made from its own file only" or "no suggestion was shown yet"
      )
    end
    vim.ui.select(pieces, { prompt = "What the model was shown:", format_item = words_for }, function(piece)
      if not piece then
        return
      end
      local options = {
        prompt = place_of(piece),
        format_item = function(action)
          return action[1]
        end,
      }
      vim.ui.select(actions, options, function(action)
        if action then
          action[2](piece, server.config.root_dir .. "/" .. piece.origin)
        end
      end)
    end)
  end, buffer)
end

-- ---------------------------------------------------------------------------------------- of the workspace

--- Always show the selected lines, or the line of the cursor.
function M.pin(_, call)
  local server = client.ready_or_say(api.nvim_get_current_buf())
  if server then
    local lines = range.of(call, server.offset_encoding)
    change_and_say("pin", { range = lines }, "these lines are shown to the model from now on")
  end
end

--- Never show anything of this file in another, or of the file or folder `name`.
function M.never(name)
  local full = name ~= "" and vim.fn.fnamemodify(vim.fn.expand(name), ":p") or api.nvim_buf_get_name(0)
  local uri = vim.uri_from_fname((full:gsub("/$", "")))
  local words = ("nothing of %s is shown to the model in other files from now on"):format(vim.fn.fnamemodify(full, ":."))
  change_and_say("never", { uri = uri }, words)
end

--- One entry for each file or folder that something was said about.
local function entries(choices)
  local found, order = {}, {}
  local function say(path, words)
    if not found[path] then
      found[path] = {}
      order[#order + 1] = path
    end
    table.insert(found[path], words)
  end
  for _, path in ipairs(choices.never) do
    say(path, "never shown")
  end
  for _, pin in ipairs(choices.pins) do
    say(pin.path, ("lines %d-%d pinned"):format(pin.first, pin.last))
  end
  for _, ban in ipairs(choices.bans) do
    say(ban.path, "not shown: " .. ban.head)
  end
  return vim.tbl_map(function(path)
    return { path = path, words = table.concat(found[path], ", ") }
  end, order)
end

--- Choose among what is pinned or banned something to take back.
function M.choices()
  change("list", {}, function(choices)
    if not choices then
      return
    end
    local known = entries(choices)
    if #known == 0 then
      return client.notify("nothing is pinned or banned in this project")
    end
    local options = {
      prompt = "Take back:",
      format_item = function(entry)
        return ("%s  %s"):format(entry.path, entry.words)
      end,
    }
    vim.ui.select(known, options, function(entry)
      if entry then
        change_and_say("reset", { path = entry.path }, ("nothing is pinned or banned of %s any more"):format(entry.path))
      end
    end)
  end)
end

--- Have the server ask about the rules of this project, in `.slipstream.md`, and show them.
function M.rules()
  tell("slipstream.rules.review", {}, function() end)
end

--- Take back everything that was said for this project.
function M.reset()
  change_and_say("reset", {}, "nothing is pinned or banned in this project any more")
end

return M
