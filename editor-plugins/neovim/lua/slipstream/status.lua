-- What the servers say about themselves, for the statusline and `:Slipstream status`.
local client = require("slipstream.client")

local M = {}

-- By client id: the last status.
local known = {}

-- By client id: how far its index is, in percent, or true where that is not known; and the tokens that tell of it.
local indexing, index_tokens = {}, {}

local words = { off = "off", starting = "starting", ready = "ready", busy = "writing", failed = "failed" }

local function redraw()
  vim.cmd("redrawstatus")
end

function M.started(id)
  known[id] = { state = "starting" }
  redraw()
end

local answers = { ready = true, busy = true }

function M.changed(id, status)
  local before = known[id] or {}
  known[id] = status
  if answers[status.state] and not answers[before.state] then
    require("slipstream.keys").suggestions().again()
  end
  redraw()
end

--- Work of the server that goes on, as it tells `$/progress`. The one that is looked out for is that of the index.
function M.progressed(id, params)
  local value = params.value
  if type(value) ~= "table" then
    return
  end
  if value.kind == "begin" and value.title == "Slipstream: index" then
    index_tokens[params.token] = id
  end
  if index_tokens[params.token] ~= id then
    return
  end
  if value.kind == "end" then
    index_tokens[params.token], indexing[id] = nil, nil
  else
    indexing[id] = value.percentage or true
  end
  redraw()
end

--- The server has ended. One that failed says so in the statusline until it is started again.
function M.ended(id, code, signal)
  known[id], indexing[id] = nil, nil
  if code ~= 0 and signal ~= 15 then
    M.last_failure = ("the language server ended with code %d; `:Slipstream log` shows why, "):format(code)
      .. "`:Slipstream restart` starts it again"
    client.notify(M.last_failure, vim.log.levels.ERROR)
  end
  redraw()
end

local function is(value)
  return value ~= nil and value ~= vim.NIL and value ~= ""
end

--- The last known status of this buffer's server; nil where there is none.
function M.of(buffer)
  local server = client.of(buffer)
  return server and known[server.id]
end

--- A short text for 'statusline', "" where Slipstream has nothing to do: "slipstream ready 43 t/s".
function M.line()
  local buffer = vim.api.nvim_get_current_buf()
  if tonumber(vim.g.actual_curbuf) and vim.g.statusline_winid then
    buffer = vim.api.nvim_win_get_buf(vim.g.statusline_winid)
  end
  local status = M.of(buffer)
  if not status then
    return ""
  end
  local parts = { "slipstream", client.wanted(buffer) and words[status.state] or "off" }
  if status.state == "starting" and is(status.progress) then
    parts[#parts + 1] = ("%d%%%%"):format(math.floor(status.progress * 100))
  end
  if is(status.model) then
    parts[#parts + 1] = (status.model:gsub("%%", "%%%%"))
  end
  local indexed = indexing[client.of(buffer).id]
  if indexed then
    parts[#parts + 1] = "index" .. (indexed == true and "" or (" %d%%%%"):format(indexed))
  end
  if is(status.tokensPerSecond) then
    parts[#parts + 1] = ("%.0f t/s"):format(status.tokensPerSecond)
  end
  return table.concat(parts, " ")
end

--- All of it in words, as lines.
function M.report(status)
  local lines = { ("Slipstream %s: %s"):format(is(status.version) and status.version or "", words[status.state]) }
  local function add(label, value)
    if is(value) then
      lines[#lines + 1] = ("%s: %s"):format(label, value)
    end
  end
  add("model", status.model)
  add("backend", status.backend)
  add("progress", is(status.progress) and ("%d %%"):format(math.floor(status.progress * 100)) or nil)
  add("first token", is(status.ttftMs) and ("%.0f ms"):format(status.ttftMs) or nil)
  add("speed", is(status.tokensPerSecond) and ("%.1f tokens a second"):format(status.tokensPerSecond) or nil)
  for _, text in ipairs({ status.message, status.hint }) do
    if is(text) then
      lines[#lines + 1] = text
    end
  end
  return lines
end

return M
