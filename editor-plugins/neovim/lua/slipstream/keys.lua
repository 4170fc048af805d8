-- Keys in insert mode. Each does its work only where a suggestion is visible at the caret; else it does what it did
-- before: the mapping that was there, or the key itself.
local config = require("slipstream.config")

local M = {}

local api = vim.api
M.prefix = "Slipstream: "

--- What the keys work on.
function M.suggestions()
  return require(config.values.ghost == "native" and "slipstream.native" or "slipstream.completion")
end

local descriptions = {
  accept = "accept the suggestion",
  accept_word = "accept the next word",
  accept_line = "accept the next line",
  next = "next suggestion",
  previous = "previous suggestion",
  dismiss = "dismiss the suggestion",
  trigger = "ask for suggestions",
}

--- A snippet that waits to go on to its next place.
local function snippet_goes_on()
  if vim.snippet and vim.snippet.active and vim.snippet.active({ direction = 1 }) then
    return true
  end
  local luasnip = package.loaded["luasnip"]
  return luasnip ~= nil and luasnip.locally_jumpable ~= nil and luasnip.locally_jumpable(1) == true
end

--- A completion menu whose keys these are. `mapped`: the user has given the key a meaning, mostly one for the menu.
local function menu_has_the_key(mapped)
  local cmp, blink = package.loaded["cmp"], package.loaded["blink.cmp"]
  if cmp and cmp.visible and cmp.visible() or blink and blink.is_visible and blink.is_visible() then
    return true
  end
  return vim.fn.pumvisible() == 1 and (mapped or vim.fn.complete_info({ "selected" }).selected >= 0)
end

--- The suggestion begins with a level of indentation, and so far there is nothing else on the line: the key indents,
--- and the suggestion stays.
local function indents()
  local column = api.nvim_win_get_cursor(0)[2]
  if api.nvim_get_current_line():sub(1, column):find("%S") then
    return false
  end
  local space = (M.suggestions().visible_text() or ""):match("^[ \t]*")
  return space:find("\t") ~= nil or #space >= vim.fn.shiftwidth()
end

local actions = {
  accept = function(key, mapped)
    local tab = key:lower() == "<tab>"
    if tab and (menu_has_the_key(mapped) or snippet_goes_on() or indents()) then
      return false
    end
    return M.suggestions().accept()
  end,
  accept_word = function()
    return M.suggestions().accept_word()
  end,
  accept_line = function()
    return M.suggestions().accept_line()
  end,
  dismiss = function()
    return M.suggestions().dismiss()
  end,
  trigger = function()
    return M.suggestions().trigger()
  end,
  next = function()
    return M.suggestions().cycle(1)
  end,
  previous = function()
    return M.suggestions().cycle(-1)
  end,
}

--- Whether a mapping comes with Neovim itself.
local function is_default(mapping)
  return (mapping.desc or ""):find("^vim%.snippet%.jump") ~= nil
end

--- Keep a mapping under another name, where the key can still reach it; the name, or nil where there is none.
local function keep(mapping)
  if vim.tbl_isempty(mapping) then
    return nil
  end
  local scope = mapping.buffer == 1 and "buffer-" or ""
  local name = ("<Plug>(slipstream-before-%s%s)"):format(scope, (mapping.lhs:gsub("[<>]", "")))
  local kept = vim.tbl_extend("force", mapping, { lhs = name })
  kept.lhsraw, kept.lhsrawalt = api.nvim_replace_termcodes(name, true, true, true), nil
  vim.fn.mapset("i", false, kept)
  return name
end

local function map(key, name, buffer)
  local before = vim.fn.maparg(key, "i", false, true)
  if (before.desc or ""):find("^" .. M.prefix) or (buffer and before.buffer ~= 1) then
    return
  end
  local fallback = keep(before)
  local mapped = fallback ~= nil and not is_default(before)
  local falling = false
  vim.keymap.set("i", key, function()
    -- A mapping that comes back to this key means the key itself.
    if falling or not actions[name](key, mapped) then
      if falling or not fallback then
        return key
      end
      falling = true
      vim.schedule(function()
        falling = false
      end)
      return fallback
    end
    return ""
  end, {
    expr = true,
    remap = fallback ~= nil,
    buffer = buffer,
    silent = true,
    desc = M.prefix .. descriptions[name],
  })
end

--- <Plug>(slipstream-accept) and so on, for mappings of one's own. Where nothing is visible they do nothing.
local function map_plugs()
  for name in pairs(actions) do
    local plug = ("<Plug>(slipstream-%s)"):format(name:gsub("_", "-"))
    vim.keymap.set("i", plug, function()
      actions[name]("", false)
    end, { desc = M.prefix .. descriptions[name] })
  end
end

--- Map the keys that are set.
function M.set()
  map_plugs()
  for name, key in pairs(config.values.keys) do
    if key then
      map(key, name)
    end
  end
end

--- A mapping of the current buffer hides ours: go on to it from ours.
function M.set_in_buffer(buffer)
  api.nvim_buf_call(buffer, function()
    for name, key in pairs(config.values.keys) do
      if key then
        map(key, name, buffer)
      end
    end
  end)
end

--- Keys that someone else has mapped over ours, as { key, description } pairs; for :checkhealth.
function M.lost()
  local found = {}
  for name, key in pairs(config.values.keys) do
    local mapping = key and vim.fn.maparg(key, "i", false, true)
    if mapping and not (mapping.desc or ""):find("^" .. M.prefix) then
      found[#found + 1] = { key, descriptions[name], mapping.desc or mapping.rhs or "" }
    end
  end
  return found
end

return M
