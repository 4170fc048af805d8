-- What a user may set, with defaults. `require("slipstream").setup({...})`, or a table in vim.g.slipstream.
local M = {}

M.defaults = {
  -- The server: nil looks for it; a path; or a list, the whole command.
  cmd = nil,
  -- The address of an engine host that runs already, as in `slipstream lsp --host`.
  host = nil,
  -- Filetypes: "*" stands for those that are not named.
  filetypes = { ["*"] = true, help = false, gitrebase = false },
  -- "own" streams; "native" lets a Neovim draw that has vim.lsp.inline_completion.
  ghost = "own",
  -- How long to wait after a key. The server has its own judgement, so mostly there is nothing to wait for.
  debounce_ms = 0,
  -- How long a caret stays to count as resting.
  rest_ms = 150,
  -- false leaves a key alone.
  keys = {
    accept = "<Tab>",
    accept_word = "<M-Right>",
    accept_line = "<M-C-Right>",
    next = "<M-]>",
    previous = "<M-[>",
    dismiss = "<C-]>",
    trigger = "<M-\\>",
  },
  -- Settings of the server: enabled, maxTokens, maxLines, budgetMs, candidates, comments, prefetch, snippetTokens,
  -- index, exclude.
  settings = {},
  -- How the window of an answer is opened.
  split = "botright vsplit",
}

M.values = vim.deepcopy(M.defaults)

local types = {
  cmd = { "nil", "string", "table" },
  host = { "nil", "string" },
  filetypes = { "table" },
  ghost = { "string" },
  debounce_ms = { "number" },
  rest_ms = { "number" },
  keys = { "table" },
  settings = { "table" },
  split = { "string" },
}

--- What is wrong with a user's settings, in words; empty where nothing is.
local function problems(options)
  local found = {}
  for name, value in pairs(options) do
    local known = types[name]
    if not known then
      found[#found + 1] = ("there is no setting `%s`"):format(name)
    elseif not vim.tbl_contains(known, type(value)) then
      found[#found + 1] = ("`%s` must be a %s, not a %s"):format(name, known[#known], type(value))
    end
  end
  for name in pairs(type(options.keys) == "table" and options.keys or {}) do
    if M.defaults.keys[name] == nil then
      found[#found + 1] = ("there is no key `keys.%s`"):format(name)
    end
  end
  if options.ghost and options.ghost ~= "own" and options.ghost ~= "native" then
    found[#found + 1] = '`ghost` must be "own" or "native"'
  end
  table.sort(found)
  return found
end

--- Take a user's settings. Those that do not fit are left out and named in the result.
function M.set(options)
  options = options or vim.g.slipstream or {}
  local found = problems(options)
  local fitting = {}
  for name, value in pairs(options) do
    if types[name] and vim.tbl_contains(types[name], type(value)) then
      fitting[name] = value
    end
  end
  if fitting.ghost ~= "native" then
    fitting.ghost = nil
  end
  M.values = vim.tbl_deep_extend("force", vim.deepcopy(M.defaults), fitting)
  return found
end

return M
