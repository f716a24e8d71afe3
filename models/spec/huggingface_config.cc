#include "models/spec/huggingface_config.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

namespace orrery::models {
namespace {

const Value* Entry(const Value& map, const std::string& key) {
  for (const auto& [name, value] : map.entries())
    if (name == key) return &value;
  return nullptr;
}

std::string ShortText(const Value& value) {
  if (value.is_scalar()) return value.AsString();
  return value.is_null() ? "null" : value.is_map() ? "{...}" : "[...]";
}

/// null, false, 0, "" and empty lists and maps: a feature that is off.
bool IsOff(const Value& value) {
  if (value.is_null()) return true;
  if (value.is_list()) return value.items().empty();
  if (value.is_map()) return value.entries().empty();
  static const std::vector<std::string> off = {"false", "0", "0.0", "", "none", "None"};
  return std::find(off.begin(), off.end(), value.AsString()) != off.end();
}

/// Texts that a key of a configuration has are names, never these.
bool LooksLikeNumberOrFlag(const std::string& text) {
  if (text == "true" || text == "false") return true;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

bool AnyWordOf(const std::string& key, const std::vector<std::string>& words) {
  const std::string folded = FoldName(key);
  for (std::size_t from = 0; from <= folded.size();) {
    const std::size_t to = std::min(folded.find('-', from), folded.size());
    if (std::find(words.begin(), words.end(), folded.substr(from, to - from)) != words.end()) return true;
    from = to + 1;
  }
  return false;
}

/// Parts of a model that see pictures, films or sound: not taken, and said to be.
bool OfAnotherModality(const std::string& key) {
  return AnyWordOf(key, {"vision", "visual", "vit", "image", "video", "audio", "speech", "mm", "media"});
}

/// Words of keys that change no shape, cache or kernel, whatever part of the model they are about: constants
/// of training and of numerics, numbers of tokens, names.
bool OfNoShape(const std::string& key) {
  return key.starts_with("_") || key.ends_with("_token_id") || key.ends_with("_token_ids") ||
         AnyWordOf(key, {"dropout",        "pdrop",   "eps",       "epsilon",       "coef", "loss",
                         "initializer",    "init",    "std",       "jitter",        "seed", "implementation",
                         "version",        "theta",   "tokenizer", "checkpointing", "name", "rope",
                         "interpretation", "padding", "prompt",    "template"});
}

/// Words of keys that may change a shape, a cache or a kernel.
bool MayChangeAShape(const std::string& key) {
  return AnyWordOf(key,
                   {"head",         "heads",  "dim",        "dims",         "rank",   "lora",     "expert",
                    "experts",      "moe",    "window",     "windows",      "sink",   "sinks",    "sparse",
                    "topk",         "index",  "indexer",    "linear",       "conv",   "conv1d",   "kernel",
                    "ssm",          "mamba",  "state",      "recurrent",    "delta",  "gate",     "gated",
                    "gating",       "layer",  "layers",     "block",        "blocks", "depth",    "hidden",
                    "ffn",          "mlp",    "attn",       "attention",    "kv",     "cache",    "mtp",
                    "nextn",        "bias",   "size",       "width",        "stride", "freq",     "interval",
                    "pattern",      "hybrid", "shared",     "share",        "cross",  "skip",     "norm",
                    "layernorm",    "vocab",  "embedding",  "embeddings",   "chunk",  "compress", "quant",
                    "quantization", "act",    "activation", "intermediate", "tie",    "group",    "groups",
                    "loop",         "loops"});
}

}  // namespace

HuggingFaceConfig::HuggingFaceConfig(const Value& root, const ConfigClass& of)
    : root_(root),
      class_(of),
      defaults_(Document::Parse(of.defaults, root.place().file + " (default of " + of.name + ")")) {}

const Value* HuggingFaceConfig::Raw(const std::string& key) {
  if (!Known(key)) known_.push_back(key);
  const Value* own = Entry(root_, key);
  for (const auto& [alias, of] : class_.aliases) {
    if (of != key) continue;
    if (!Known(alias)) known_.push_back(alias);
    const Value* named = Entry(root_, alias);
    if (own != nullptr && named != nullptr && ShortText(*own) != ShortText(*named))
      throw named->Error(fmt::format("expected {}, as {}: it is another name of it", ShortText(*own), key));
    if (own == nullptr) own = named;
  }
  return own;
}

bool HuggingFaceConfig::Known(const std::string& key) const {
  return std::find(known_.begin(), known_.end(), key) != known_.end();
}

bool HuggingFaceConfig::InFile(const std::string& key) { return Raw(key) != nullptr; }

const Value* HuggingFaceConfig::Quiet(const std::string& key) {
  const Value* value = Raw(key);
  if (value != nullptr && value->is_scalar() && value->quoted() && LooksLikeNumberOrFlag(value->AsString()))
    throw value->Error("expected a number, or true or false, without quotes: in JSON this is a text");
  if (value == nullptr) value = Entry(defaults_.root(), key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const Value& HuggingFaceConfig::Get(const std::string& key) {
  const Value* value = Quiet(key);
  if (value == nullptr) return root_.At(key);  // says that it is missing
  if (!InFile(key)) NoteDefault(key, ShortText(*value));
  return *value;
}

int HuggingFaceConfig::Int(const std::string& key, std::int64_t min, std::int64_t max) {
  return static_cast<int>(Get(key).AsInt(min, max));
}

int HuggingFaceConfig::IntOr(const std::string& key, int where_null, std::int64_t min) {
  if (Quiet(key) != nullptr) return Int(key, min);
  if (!InFile(key)) NoteDefault(key, std::to_string(where_null));
  return where_null;
}

bool HuggingFaceConfig::Bool(const std::string& key) { return Get(key).AsBool(); }

void HuggingFaceConfig::NoteDefault(const std::string& key, const std::string& value) {
  const std::string note = key + " = " + value;
  if (std::find(defaulted_.begin(), defaulted_.end(), note) == defaulted_.end()) defaulted_.push_back(note);
}

void HuggingFaceConfig::Require(const std::vector<FixedKey>& keys) {
  for (const FixedKey& fixed : keys) {
    if (Known(fixed.key)) continue;  // the architecture's own rule came first
    const Value* value = Raw(fixed.key);
    if (value == nullptr || value->is_null()) continue;
    const bool says_nothing = value->is_scalar() && std::find(fixed.values.begin(), fixed.values.end(),
                                                              value->AsString()) != fixed.values.end();
    if (!says_nothing) throw value->Error("not understood: " + fixed.why);
  }
}

void HuggingFaceConfig::Ignore(const std::vector<std::string>& keys) {
  known_.insert(known_.end(), keys.begin(), keys.end());
}

void HuggingFaceConfig::Account() {
  std::vector<std::string> absent;  // asked for, but not in the file: what a misspelt key may stand for
  for (const std::string& key : known_)
    if (Entry(root_, key) == nullptr) absent.push_back(key);
  std::string other, unknown;
  for (const auto& [key, value] : root_.entries()) {
    if (Known(key)) continue;
    if (OfAnotherModality(key)) {
      if (!IsOff(value)) other += (other.empty() ? "" : ", ") + key;
      continue;
    }
    const std::string meant = NearestName(key, absent);
    const bool misspelt = !meant.empty() && FoldName(meant).size() == key.size();
    if (!IsOff(value) && !OfNoShape(key) && (misspelt || MayChangeAShape(key))) {
      throw InputError(value.place(), fmt::format("{}: unknown key{}: it may change a shape, a cache or a "
                                                  "kernel, so that the model would be priced as another",
                                                  value.path(), DidYouMean(key, absent)));
    }
    unknown += fmt::format("{}{} = {}", unknown.empty() ? "" : ", ", key, ShortText(value));
  }
  if (!other.empty()) LeaveOut("left out, being of no text model: " + other);
  if (!unknown.empty()) LeaveOut("unknown keys, taken to change no shape: " + unknown);
}

std::vector<std::string> HuggingFaceConfig::Notes() const {
  std::vector<std::string> notes;
  if (!defaulted_.empty())
    notes.push_back(fmt::format("class defaults: {} ({})", fmt::join(defaulted_, ", "), class_.name));
  notes.insert(notes.end(), notes_.begin(), notes_.end());
  return notes;
}

namespace {

/// The text of a scalar below `map`, or "".
std::string TextOf(const Value& map, const std::string& key) {
  const Value* value = map.is_map() ? map.Find(key) : nullptr;
  return value != nullptr && value->is_scalar() ? value->AsString() : "";
}

std::string FirstOf(const Value& map, const std::vector<std::string>& keys) {
  for (const std::string& key : keys)
    if (std::string text = TextOf(map, key); !text.empty()) return text;
  return "";
}

/// (bits, type) of the weights of compressed-tensors' first group.
std::pair<std::string, std::string> GroupOf(const Value& config) {
  const Value* groups = config.is_map() ? config.Find("config_groups") : nullptr;
  if (groups == nullptr || !groups->is_map() || groups->entries().empty()) return {};
  const Value& first = groups->entries().front().second;
  const Value* weights = first.is_map() ? first.Find("weights") : nullptr;
  if (weights == nullptr) return {};
  return {TextOf(*weights, "num_bits"), TextOf(*weights, "type")};
}

}  // namespace

std::string OtherQuantization(const Value& config) {
  const std::string method = FirstOf(config, {"quant_method", "quant_algo", "mode"});
  const std::string algorithm = TextOf(config, "quant_algo");
  const auto [group_bits, group_type] = GroupOf(config);
  std::string bits = FirstOf(config, {"bits", "w_bit", "num_bits", "weight_bits"});
  if (bits.empty()) bits = group_bits;
  if (TextOf(config, "load_in_4bit") == "true" || TextOf(config, "_load_in_4bit") == "true") bits = "4";
  if (TextOf(config, "load_in_8bit") == "true" || TextOf(config, "_load_in_8bit") == "true") bits = "8";
  const bool fp8 = method == "fp8" || method == "fbgemm_fp8" || algorithm.starts_with("FP8") ||
                   (group_bits == "8" && group_type == "float");
  if (fp8) return "";
  std::string text = method.empty() ? "method not named" : method;
  if (!algorithm.empty() && algorithm != method) text += ", " + algorithm;
  if (!bits.empty()) text += fmt::format(", {}{} bits", group_type.empty() ? "" : group_type + " of ", bits);
  return text;
}

}  // namespace orrery::models
