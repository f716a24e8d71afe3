#include "models/spec/huggingface.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/text.h"
#include "models/spec/families/readers.h"
#include "models/spec/huggingface_config.h"
#include "models/spec/huggingface_families.h"

namespace orrery::models {
namespace {

/// Keys that change neither a shape nor a cache: training constants, tokens, names, serving hints, and what
/// PreTrainedConfig writes of text generation (transformers, configuration_utils.py).
const std::vector<std::string> kIgnored = {
    // names and versions
    "architectures", "model_type", "auto_map", "name_or_path", "torch_dtype", "dtype", "transformers_version",
    "unsloth_version", "unsloth_fixed", "tokenizer_class", "model_max_length", "max_sequence_length",
    "max_seq_len", "seq_length", "original_max_position_embeddings", "use_bfloat16", "language_model_only",
    // tokens and labels
    "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id", "id2label",
    "label2id", "num_labels", "problem_type", "finetuning_task", "task_specific_params", "prefix",
    // training and numerics
    "attention_dropout", "hidden_dropout", "embd_pdrop", "resid_pdrop", "initializer_range", "init_std",
    "rms_norm_eps", "aux_loss_alpha", "seq_aux", "norm_topk_prob", "router_aux_loss_coef",
    "router_jitter_noise", "output_router_logits", "moe_router_load_balancing_type", "pretraining_tp",
    "gradient_checkpointing", "chunk_size_feed_forward", "pruned_heads",
    // positions
    "rope_theta", "rope_interleave", "rope_interleaved", "rotary_emb_base", "partial_rotary_factor",
    // how an engine runs it
    "use_cache", "ep_size", "attn_implementation", "flash_attn", "use_flash_attn", "use_flash_attention",
    "use_flash_attention_2", "torchscript", "tf_legacy_loss", "output_attentions", "output_hidden_states",
    "output_scores", "return_dict", "return_dict_in_generate", "cache_implementation",
    // text generation
    "max_length", "min_length", "max_new_tokens", "do_sample", "early_stopping", "num_beams",
    "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p",
    "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
    "bad_words_ids", "num_return_sequences", "exponential_decay_length_penalty", "suppress_tokens",
    "begin_suppress_tokens", "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values",
    "is_decoder"};

/// What every architecture here must have so, in front of which its own rules come.
const std::vector<FixedKey> kFixed = {
    {"attention_bias", {"false"}, "biases on these projections are not modelled"},
    {"mlp_bias", {"false"}, "biases on these projections are not modelled"},
    {"qkv_bias", {"false"}, "this class has no bias on Q, K and V"},
    {"use_qk_norm", {"false"}, "this class has no norm on query and key heads"},
    {"hidden_act", {"silu", "swish"}, "only SwiGLU (silu) feed-forward layers are modelled"},
    {"moe_layer_freq", {"1"}, "only MoE in every layer after the first dense ones is modelled"},
    {"decoder_sparse_step", {"1"}, "only MoE in every layer is modelled"},
    {"is_encoder_decoder", {"false"}, "only decoders are modelled"},
    {"tie_encoder_decoder", {"false"}, "only decoders are modelled"},
    {"add_cross_attention", {"false"}, "cross attention is not modelled"},
    {"cross_attention_hidden_size", {}, "cross attention is not modelled"}};

/// Where multimodal configurations keep their text model's.
const std::vector<std::string> kTextConfigs = {"text_config", "llm_config", "language_config",
                                               "thinker_config"};

/// A text model's configuration, and the multimodal one around it.
struct Found {
  const HuggingFaceFamily* family = nullptr;
  const Value* root = nullptr;
  const Value* around = nullptr;
};

/// Known types of the same version: deepseek_v32 is no slip for deepseek_v3 but another architecture.
std::vector<std::string> TypesOfVersion(const std::string& model_type) {
  const auto digits = [](const std::string& name) {
    std::string found;
    for (const char c : name)
      if (c >= '0' && c <= '9') found += c;
    return found;
  };
  std::vector<std::string> types = HuggingFaceModelTypes();
  std::erase_if(types, [&](const std::string& known) { return digits(known) != digits(model_type); });
  return types;
}

[[noreturn]] void RefuseType(const Value& type) {
  for (const RefusedFamily& refused : RefusedFamilies())
    if (type.AsString() == refused.model_type)
      throw type.Error("architecture not understood: " + refused.why);
  std::string all;
  for (const std::string& name : HuggingFaceModelTypes()) all += (all.empty() ? "" : ", ") + name;
  throw type.Error("unknown architecture; expected one of: " + all +
                   DidYouMean(type.AsString(), TypesOfVersion(type.AsString())));
}

/// The configuration of a known `model_type`: `root`, or a text model's below it.
Found FindText(const Value& root) {
  const Value& type = root.At("model_type");
  const HuggingFaceFamily* family = FindFamily(type.AsString());
  // Qwen2-VL's is the wrapper of a text_config, or in older files the text model itself.
  if (family != nullptr && root.Find("hidden_size") != nullptr) return {family, &root, nullptr};
  for (const std::string& key : kTextConfigs) {
    const Value* text = root.Find(key);
    if (text == nullptr || !text->is_map()) continue;
    Found found = FindText(*text);
    found.around = &root;
    return found;
  }
  if (family != nullptr) return {family, &root, nullptr};  // what is missing is said where it is read
  RefuseType(type);
}

void CheckArchitectures(const HuggingFaceFamily& family, const Value& root) {
  const Value* classes = root.Find("architectures");
  if (classes == nullptr) return;
  for (const Value& c : classes->items()) {
    if (std::find(family.classes.begin(), family.classes.end(), c.AsString()) != family.classes.end())
      continue;
    throw c.Error("unknown architecture for model_type '" + family.model_type + "'; expected " +
                  family.classes.front());
  }
}

/// Where each type of layer has a rotation of its own, that of full attention.
const Value& OfFullAttention(const Value& rope) {
  const Value* full = rope.Find("full_attention");
  return full != nullptr && full->is_map() ? *full : rope;
}

/// RoPE scaling changes no shape; YaRN's original length is the window the model was pre-trained with.
std::int64_t MaxPositions(HuggingFaceConfig* c) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  const std::int64_t positions = c->Get("max_position_embeddings").AsInt(1, kMost);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Value* rope = c->Quiet(key);
    if (rope == nullptr || rope->entries().empty()) continue;
    rope = &OfFullAttention(*rope);
    const Value* type = rope->Find("rope_type") != nullptr ? rope->Find("rope_type") : rope->Find("type");
    if (type == nullptr && std::string_view(key) == "rope_parameters") continue;  // default
    if (type == nullptr) throw rope->Error("missing key 'rope_type' (or 'type')");
    // Three parts of a position (mrope) change no shape either.
    const std::size_t choice =
        type->AsChoice({"default", "linear", "dynamic", "yarn", "llama3", "mrope", "longrope", "su"});
    const bool longrope = choice >= 6;  // its original length stands beside the map
    if (choice != 3 && !longrope) continue;
    const Value* original = longrope ? c->Quiet("original_max_position_embeddings")
                                     : rope->Find("original_max_position_embeddings");
    return original != nullptr ? original->AsInt(1, kMost) : positions;
  }
  return positions;
}

/// Positions after the scaling that the configuration declares; 0 where it declares none. As transformers'
/// modeling_rope_utils.py reads them: max_position_embeddings is the length before linear and dynamic scaling
/// and the one after llama3's; under YaRN configurations write either, beside the original length.
std::int64_t ScaledPositions(HuggingFaceConfig* c) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  const std::int64_t positions = c->Get("max_position_embeddings").AsInt(1, kMost);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Value* rope = c->Quiet(key);
    if (rope != nullptr && rope->is_map()) rope = &OfFullAttention(*rope);
    const Value* factor = rope != nullptr && rope->is_map() ? rope->Find("factor") : nullptr;
    if (factor == nullptr) continue;
    const Value* type = rope->Find("rope_type") != nullptr ? rope->Find("rope_type") : rope->Find("type");
    const Value* original = rope->Find("original_max_position_embeddings");
    const bool before = original == nullptr && type != nullptr && type->AsString() != "llama3";
    const std::int64_t from = original != nullptr ? original->AsInt(1, kMost) : before ? positions : 0;
    const double scaled = static_cast<double>(from) * factor->AsDouble(1, 1e6);
    return std::max(positions, static_cast<std::int64_t>(scaled));
  }
  return 0;
}

/// Weights are priced in the run's precision; another one of the checkpoint's is said not to be taken.
void NoteQuantization(const Value& root, HuggingFaceConfig* c) {
  for (const char* key : {"quantization_config", "quantization", "compression_config"}) {
    if (&root == &c->root()) c->Ignore({key});
    const Value* config = root.Find(key);
    if (config == nullptr || (config->is_map() && config->entries().empty())) continue;
    const std::string other = OtherQuantization(*config);
    if (other.empty()) continue;
    c->LeaveOut(fmt::format(
        "{} ({}) is not taken: weights are held and priced in the run's precision, BF16 or FP8", key, other));
    return;
  }
}

/// What stands around a text model: its modalities are not modelled.
void NoteAround(const Found& found, HuggingFaceConfig* c) {
  if (found.around == nullptr) return;
  NoteQuantization(*found.around, c);
  std::string rest;
  for (const auto& [key, value] : found.around->entries()) {
    if (!value.is_map() || &value == found.root) continue;
    if (key != "quantization_config" && key != "rope_scaling") rest += (rest.empty() ? "" : ", ") + key;
  }
  c->LeaveOut(fmt::format("only the text model of {} is taken{}", found.around->At("model_type").AsString(),
                          rest.empty() ? "" : ", not its " + rest));
}

/// Whether the head is the embedding: a multimodal model's own key holds where its text model has none.
bool TiedEmbeddings(const Found& found, HuggingFaceConfig* c) {
  const Value* outer = found.around != nullptr ? found.around->Find("tie_word_embeddings") : nullptr;
  return outer != nullptr && !c->InFile("tie_word_embeddings") ? outer->AsBool()
                                                               : c->Bool("tie_word_embeddings");
}

ModelSpec ReadText(const Found& found) {
  const HuggingFaceFamily& family = *found.family;
  CheckArchitectures(family, *found.root);
  HuggingFaceConfig config(*found.root, family.config);
  config.Require(family.fixed);
  ModelSpec spec;
  spec.name = family.model_type;
  spec.layers = config.Int("num_hidden_layers", 1, 10000);
  spec.hidden = config.Int("hidden_size");
  spec.vocabulary = config.Get("vocab_size").AsInt(1, std::int64_t{1} << 32);
  family.read(&config, &spec);
  config.Require(kFixed);  // what the family has not read
  if (!config.Asked("layer_types")) LayerTypes(&config, spec.layers, {"full_attention"});
  if (spec.DenseLayers() > 0 && spec.dense_intermediate == 0)
    spec.dense_intermediate = config.Int("intermediate_size");
  spec.tied_embeddings = TiedEmbeddings(found, &config);
  spec.max_positions = MaxPositions(&config);
  spec.scaled_positions = ScaledPositions(&config);
  config.Ignore(kIgnored);
  config.Ignore({"intermediate_size", "num_key_value_heads", "head_dim", "tie_word_embeddings"});
  NoteQuantization(*found.root, &config);
  NoteAround(found, &config);
  config.Account();
  spec.notes = config.Notes();
  return spec;
}

/// NaN and Infinity, which Python's json writes and JSON does not know, as zeros of the same length.
std::string WithoutPythonNumbers(std::string text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
      continue;
    }
    if (text[i] == '"') quoted = !quoted;
    if (quoted || (i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0)) continue;
    for (const std::string_view word : {"Infinity", "NaN"}) {
      if (text.compare(i, word.size(), word) == 0)
        text.replace(i, word.size(), "0" + std::string(word.size() - 1, ' '));
    }
  }
  return text;
}

/// Where a text stops being JSON, and the number that is too large for one where that is the reason.
class JsonCheck : public nlohmann::json::json_sax_t {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t byte, const std::string& token, const nlohmann::json::exception& e) override {
    byte_ = byte;
    if (dynamic_cast<const nlohmann::json::out_of_range*>(&e) != nullptr) too_large_ = token;
    return false;
  }

  std::size_t byte() const { return byte_; }
  const std::string& too_large() const { return too_large_; }

 private:
  std::size_t byte_ = 0;
  std::string too_large_;
};

/// InputError at the place where the file stops being JSON.
void RequireJson(const std::filesystem::path& file) {
  const std::string text = WithoutPythonNumbers(ReadTextFile(file, kMaxDocumentBytes));
  JsonCheck check;
  if (nlohmann::json::sax_parse(text, &check)) return;
  const std::string_view before = std::string_view(text).substr(0, check.byte() > 0 ? check.byte() - 1 : 0);
  Place place{file.string()};
  place.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  place.column = static_cast<int>(before.size() - (before.rfind('\n') + 1)) + 1;
  if (!check.too_large().empty())
    throw InputError(place, "'" + Clipped(check.too_large()) + "': expected a number below 1.8e308");
  throw InputError(place, "not JSON; expected a Hugging Face config.json");
}

}  // namespace

std::vector<std::string> HuggingFaceModelTypes() {
  std::vector<std::string> names;
  for (const HuggingFaceFamily& family : HuggingFaceFamilies()) names.push_back(family.model_type);
  return names;
}

ModelSpec ReadHuggingFace(const Value& root) {
  ModelSpec spec = ReadText(FindText(root));
  spec.source = root.place().file;
  for (const std::string& note : spec.notes) spec.source += "; " + note;
  return spec;
}

ModelSpec ReadHuggingFace(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    throw InputError(Place{file.string()}, "no such file" + ModelHint(file.filename().string()));
  constexpr std::uintmax_t kMostBytes = 16u << 20;  // beyond, Document::Load says so
  if (std::filesystem::is_regular_file(file, error) && std::filesystem::file_size(file, error) <= kMostBytes)
    RequireJson(file);
  const Document document = Document::Load(file);
  ModelSpec spec = ReadHuggingFace(document.root());
  // "DeepSeek-V3/config.json" is best known by its folder.
  const std::string folder = std::filesystem::absolute(file).parent_path().filename().string();
  spec.name = file.filename() == "config.json" && !folder.empty() ? folder : file.stem().string();
  return spec;
}

}  // namespace orrery::models
