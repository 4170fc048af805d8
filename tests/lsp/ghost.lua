-- Ghost text in Neovim 0.10 and newer, as small as it can be: asks at each key, draws what comes while it grows,
-- takes it with Tab. What it did is in M.log, what it drew in M.frames.
local M = { log = {}, frames = {}, debounce_ms = 30, cancels = true }
local api, lsp = vim.api, vim.lsp
local namespace = api.nvim_create_namespace('ghost')
local shown, request, timer
local streams, streams_begun = {}, 0

local function note(what) M.log[#M.log + 1] = what end

local function client() return lsp.get_client_by_id(M.client) end

local function clear()
  shown = nil
  api.nvim_buf_clear_namespace(0, namespace, 0, -1)
end

local function draw(buffer, item)
  api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  local lines = vim.split(item.insertText, '\n', { plain = true })
  local cursor = api.nvim_win_get_cursor(0)
  local first = table.remove(lines, 1)
  local below = vim.tbl_map(function(line) return { { line, 'Comment' } } end, lines)
  api.nvim_buf_set_extmark(buffer, namespace, cursor[1] - 1, cursor[2], {
    virt_text = { { first, 'Comment' } }, virt_text_pos = 'inline', virt_lines = #below > 0 and below or nil })
  local range = item.range
  shown = { buffer = buffer, text = item.insertText, row = cursor[1] - 1, column = cursor[2],
    replaced = range['end'].character - range.start.character }
  M.frames[#M.frames + 1] = item.insertText
end

function M.cancel()
  if request and client() and M.cancels then
    client():cancel_request(request)
    note('cancel')
  end
  request = nil
end

function M.request(kind)
  M.cancel()
  local buffer = api.nvim_get_current_buf()
  local tick = api.nvim_buf_get_changedtick(buffer)
  local params = lsp.util.make_position_params(0, client().offset_encoding)
  streams_begun = streams_begun + 1
  local token = 'ghost-' .. streams_begun
  params.context = { triggerKind = kind }
  params.partialResultToken = token
  streams[token] = function(value)
    if api.nvim_buf_get_changedtick(buffer) == tick then draw(buffer, value.items[1]) end
  end
  local _, id = client():request('textDocument/inlineCompletion', params, function(error, result)
    streams[token] = nil
    if error then return note('error ' .. error.code) end
    if not result or api.nvim_buf_get_changedtick(buffer) ~= tick then return note('stale') end
    request = nil
    if result.items[1] then draw(buffer, result.items[1]) end
    note('answer')
  end, buffer)
  request = id
  note('request')
end

function M.accept()
  local taken = shown
  clear()
  local lines = vim.split(taken.text, '\n', { plain = true })
  api.nvim_buf_set_text(taken.buffer, taken.row, taken.column, taken.row, taken.column + taken.replaced, lines)
  local before = #lines == 1 and taken.column or 0
  api.nvim_win_set_cursor(0, { taken.row + #lines, before + #lines[#lines] })
end

function M.setup(command)
  M.client = lsp.start({ name = 'slipstream', cmd = command, root_dir = vim.fn.getcwd(), handlers = {
    ['$/progress'] = function(error, result, context)
      local stream = streams[result.token]
      if stream then return stream(result.value) end
      return lsp.handlers['$/progress'](error, result, context)
    end,
    ['window/showMessage'] = function(_, result) note('message ' .. result.message) end } }, { bufnr = 0 })
  local group = api.nvim_create_augroup('ghost', { clear = true })
  api.nvim_create_autocmd('TextChangedI', { group = group, buffer = 0, callback = function()
    clear()
    M.cancel()
    if timer then timer:stop() end
    timer = vim.defer_fn(function() M.request(2) end, M.debounce_ms)
  end })
  vim.keymap.set('i', '<Tab>', function()
    if not shown then return '<Tab>' end
    vim.schedule(M.accept)
    return ''
  end, { expr = true, buffer = 0 })
end

return M
