-- Where names are defined, as the other language servers of a buffer say.
local client = require("slipstream.client")
local range = require("slipstream.range")
local text = require("slipstream.text")

local M = {}

local api = vim.api

-- Our server waits a little longer than this; one that is busy is not waited for.
local limit_ms = 200

--- `position` in the units of `theirs` instead of `ours`.
local function converted(buffer, position, ours, theirs)
  local line = api.nvim_buf_get_lines(buffer, position.line, position.line + 1, false)[1] or ""
  return range.position(buffer, position.line, text.byte_column(line, position.character, ours), theirs)
end

--- The first place of an answer: a Location, a list of them, or a list of LocationLinks.
local function first_of(result)
  local place = type(result) == "table" and (result[1] or result) or {}
  local uri = place.uri or place.targetUri
  local where = place.range or place.targetSelectionRange or place.targetRange
  return uri and where and { uri = uri, range = where } or nil
end

--- The answer to `slipstream/definitions`: for each position a list. Neovim runs it in a coroutine, so it may wait.
function M.answer(params, context)
  local found = {}
  for index = 1, #params.positions do
    found[index] = {}
  end
  local routine = coroutine.running()
  local own = vim.lsp.get_client_by_id(context.client_id)
  local buffer = vim.uri_to_bufnr(params.textDocument.uri)
  if not (routine and own and api.nvim_buf_is_loaded(buffer)) then
    return found
  end
  local open, cancels, waits = 0, {}, false
  local function go_on()
    if waits then
      waits = false
      coroutine.resume(routine)
    end
  end
  for _, other in ipairs(client.others(buffer)) do
    if client.supports(other, "textDocument/definition", buffer) then
      for index, position in ipairs(params.positions) do
        open = open + 1
        local question = {
          textDocument = params.textDocument,
          position = converted(buffer, position, own.offset_encoding, other.offset_encoding),
        }
        cancels[#cancels + 1] = client.request(other, "textDocument/definition", question, function(err, result)
          found[index][#found[index] + 1] = not err and first_of(result) or nil
          open = open - 1
          if open == 0 then
            go_on()
          end
        end, buffer)
      end
    end
  end
  if open > 0 then
    waits = true
    vim.defer_fn(go_on, limit_ms)
    coroutine.yield()
  end
  if open > 0 then
    for _, cancel in ipairs(cancels) do
      cancel()
    end
  end
  return found
end

return M
