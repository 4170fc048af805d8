-- The language server as a client of Neovim's own LSP: started once a project, attached to buffers that want it.
local config = require("slipstream.config")
local server = require("slipstream.server")

local M = {}

local api, lsp = vim.api, vim.lsp
local with_colon = vim.fn.has("nvim-0.11") == 1

-- Handlers of partial results by their token, and of streams by their name.
local partial_results, streams = {}, {}
local names_given = 0
local told_missing = false
local off = { everywhere = false, filetypes = {} }

M.none_here = "no language server runs for this buffer; `:checkhealth slipstream` looks for the cause"

local root_markers = { ".git", ".hg", "pyproject.toml", "package.json", "Cargo.toml", "go.mod" }

--- A name that no other request of this Neovim has.
local function new_name(kind)
  names_given = names_given + 1
  return ("slipstream-%s-%d"):format(kind, names_given)
end

function M.notify(message, level)
  if not message:find("^Slipstream") then
    message = "Slipstream: " .. message
  end
  vim.notify(message, level or vim.log.levels.INFO, { title = "Slipstream" })
end

-- ------------------------------------------------------------------------------------- what a server sends

local handlers = {
  ["$/progress"] = function(err, params, context, ...)
    local take = partial_results[params.token]
    if take then
      return take(params.value)
    end
    require("slipstream.status").progressed(context.client_id, params)
    return lsp.handlers["$/progress"](err, params, context, ...)
  end,
  ["slipstream/stream"] = function(_, params)
    local take = streams[params.stream]
    if take then
      take(params)
    end
  end,
  ["slipstream/didChangeStatus"] = function(_, params, context)
    require("slipstream.status").changed(context.client_id, params)
  end,
  ["slipstream/definitions"] = function(_, params, context)
    return require("slipstream.definitions").answer(params, context)
  end,
  ["workspace/applyEdit"] = function(err, params, context, ...)
    for _, change in ipairs(params.edit.documentChanges or {}) do
      local document = change.textDocument
      -- Neovim tells of what is typed a moment later, and does not look at the version of a file that was never changed:
      -- the edit would go to lines that have moved.
      if document and type(document.version) == "number" then
        local newest = lsp.util.buf_versions[vim.uri_to_bufnr(document.uri)] or 0
        if newest > document.version then
          return { applied = false, failureReason = "its text was changed meanwhile" }
        end
      end
    end
    return lsp.handlers["workspace/applyEdit"](err, params, context, ...)
  end,
  ["window/showMessage"] = function(_, params)
    local levels = { vim.log.levels.ERROR, vim.log.levels.WARN, vim.log.levels.INFO, vim.log.levels.DEBUG }
    M.notify(params.message, levels[params.type])
    return vim.NIL
  end,
}

-- ------------------------------------------------------------------------------------------ which buffers

local function filetype_wanted(filetype)
  if off.everywhere or off.filetypes[filetype] then
    return false
  end
  local wanted = config.values.filetypes
  if off.filetypes[filetype] == false then
    return true
  end
  if wanted[filetype] ~= nil then
    return wanted[filetype]
  end
  return wanted["*"] == true
end

--- Whether this buffer is one that people write text in, and has a name: a document needs one.
local function is_document(buffer)
  return api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].buftype == "" and api.nvim_buf_get_name(buffer) ~= ""
end

--- Whether suggestions are wanted in this buffer.
function M.wanted(buffer)
  return vim.b[buffer].slipstream ~= false and filetype_wanted(vim.bo[buffer].filetype)
end

--- Switch suggestions on or off, everywhere (`filetype` nil) or in a language. The servers hear of it too.
function M.switch(on, filetype)
  if filetype then
    off.filetypes[filetype] = not on
  else
    off.everywhere = not on
  end
  for _, client in ipairs(M.all()) do
    local settings = M.server_settings()
    client.config.settings = { slipstream = settings }
    client.settings = client.config.settings
    M.tell(client, "workspace/didChangeConfiguration", { settings = client.config.settings })
  end
  for _, buffer in ipairs(api.nvim_list_bufs()) do
    M.attach(buffer)
  end
end

function M.is_on(filetype)
  if filetype then
    return filetype_wanted(filetype)
  end
  return not off.everywhere
end

function M.server_settings()
  local settings = vim.deepcopy(config.values.settings)
  settings.enabled = settings.enabled ~= false and not off.everywhere
  local disabled = settings.disabledLanguages or {}
  for filetype, is_off in pairs(off.filetypes) do
    disabled = vim.tbl_filter(function(name)
      return name ~= filetype
    end, disabled)
    if is_off then
      disabled[#disabled + 1] = filetype
    end
  end
  settings.disabledLanguages = #disabled > 0 and disabled or nil
  return settings
end

-- ------------------------------------------------------------------------------------------- life cycle

local function root_of(buffer)
  local folder = vim.fs.dirname(api.nvim_buf_get_name(buffer))
  local marker = vim.fs.find(root_markers, { path = folder, upward = true, limit = 1 })[1]
  return marker and vim.fs.dirname(marker) or nil
end

--- Start the server where there is none for this buffer's project, and attach it to the buffer; whether it did.
function M.attach(buffer)
  if not is_document(buffer) or not M.wanted(buffer) or M.of(buffer) then
    return false
  end
  local command = server.command()
  if not command then
    if not told_missing then
      told_missing = true
      M.notify(server.missing, vim.log.levels.ERROR)
    end
    return false
  end
  local capabilities = lsp.protocol.make_client_capabilities()
  capabilities.textDocument.inlineCompletion = { dynamicRegistration = false }
  -- Neovim reads both forms of an edit and says nothing of the one with versions. Without them an edit for a text that
  -- was typed over meanwhile would go to the wrong lines.
  capabilities.workspace.workspaceEdit.documentChanges = true
  local settings = M.server_settings()
  local options = { status = true, streams = true, review = true, definitions = true }
  local commands = {}
  for _, name in ipairs({ "explain", "fix", "document", "tests", "rename", "commitMessage", "chat" }) do
    -- Chosen among the code actions.
    commands["slipstream.ask." .. name] = function(action)
      require("slipstream.ask").command(action)
    end
  end
  local id = lsp.start({
    name = "slipstream",
    cmd = command,
    root_dir = root_of(buffer),
    capabilities = capabilities,
    init_options = vim.tbl_extend("force", settings, options),
    settings = { slipstream = settings },
    handlers = handlers,
    commands = commands,
    on_init = function(client)
      require("slipstream.status").started(client.id)
      if config.values.ghost == "native" and lsp.inline_completion then
        lsp.inline_completion.enable(true, { client_id = client.id })
      end
    end,
    on_exit = function(code, signal, id)
      vim.schedule(function()
        require("slipstream.status").ended(id, code, signal)
      end)
    end,
  }, { bufnr = buffer })
  return id ~= nil
end

local get_clients = lsp.get_clients or lsp.get_active_clients

--- Our clients: of one buffer, or all.
function M.all(buffer)
  return get_clients({ name = "slipstream", bufnr = buffer })
end

--- The clients of a buffer that are not ours.
function M.others(buffer)
  return vim.tbl_filter(function(client)
    return client.name ~= "slipstream"
  end, get_clients({ bufnr = buffer }))
end

--- The client of a buffer; nil where there is none.
function M.of(buffer)
  return M.all(buffer)[1]
end

--- The client of a buffer, if it can be asked something.
function M.ready(buffer)
  local client = M.of(buffer)
  return client and client.initialized and client or nil
end

--- The same; where there is none, people are told.
function M.ready_or_say(buffer)
  local client = M.ready(buffer)
  if not client then
    M.notify(M.none_here, vim.log.levels.WARN)
  end
  return client
end

--- Stop all servers and start them again.
function M.restart()
  local buffers = {}
  for _, client in ipairs(M.all()) do
    for _, buffer in ipairs(lsp.get_buffers_by_client_id(client.id)) do
      buffers[buffer] = true
    end
    lsp.stop_client(client.id)
  end
  told_missing = false
  for _, buffer in ipairs(api.nvim_tabpage_list_wins(0)) do
    buffers[api.nvim_win_get_buf(buffer)] = true
  end
  local function again(left)
    if #M.all() > 0 and left > 0 then
      return vim.defer_fn(function()
        again(left - 1)
      end, 50)
    end
    for _, client in ipairs(M.all()) do
      lsp.stop_client(client.id, true)
    end
    vim.schedule(function()
      for buffer in pairs(buffers) do
        if api.nvim_buf_is_valid(buffer) then
          M.attach(buffer)
        end
      end
    end)
  end
  again(100)
end

-- ------------------------------------------------------------------------------------------- talking to it

function M.tell(client, method, params)
  if with_colon then
    client:notify(method, params)
  else
    client.notify(method, params)
  end
end

--- Send a request; `answer(error, result)` is called once. The result is a function that cancels it.
function M.request(client, method, params, answer, buffer)
  local ok, id
  if with_colon then
    ok, id = client:request(method, params, answer, buffer)
  else
    ok, id = client.request(method, params, answer, buffer)
  end
  if not ok then
    answer({ code = 0, message = "The language server has ended; `:Slipstream restart` starts it again." })
  end
  return function()
    if not ok then
      return
    end
    if with_colon then
      client:cancel_request(id)
    else
      client.cancel_request(id)
    end
  end
end

--- Whether any client, not only ours, can be asked `method` about `buffer`.
function M.supports(client, method, buffer)
  if with_colon then
    return client:supports_method(method, buffer)
  end
  return client.supports_method(method, { bufnr = buffer })
end

--- A request with partial results; `grow(value)` is called with each until the answer.
function M.request_growing(client, method, params, grow, answer, buffer)
  local token = new_name("partial")
  params.partialResultToken = token
  partial_results[token] = grow
  return M.request(client, method, params, function(err, result)
    partial_results[token] = nil
    answer(err, result)
  end, buffer)
end

--- A command of the server that streams; `flow(event)` is called with each `slipstream/stream` of it.
function M.request_streaming(client, command, argument, flow, answer, buffer)
  local name = new_name("stream")
  argument.stream = name
  streams[name] = flow
  return M.request(client, "workspace/executeCommand", { command = command, arguments = { argument } }, function(...)
    streams[name] = nil
    answer(...)
  end, buffer)
end

return M
