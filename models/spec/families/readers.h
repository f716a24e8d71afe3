// What the readers of several families share. A new family is an entry of the table of its file here, with a reader
// where none suits it; a new file adds a function to AllTables of families.cc.
//
// Class defaults are those of transformers 5 (huggingface/transformers, src/transformers/models/*/configuration_*.py at
// commit 008e574 of 2026; DeepseekV3Config and MistralConfig at 001f85b, Qwen3VLTextConfig at 000c33f, Ernie4_5_MoeConfig
// at 001f85b, NemotronHConfig at 13923c6, FalconH1Config at 020a37d), or where there is no such class what the model's own
// repository has. Sizes have defaults there too, but are left out here on purpose: a file without its layers or its
// experts is cut off, not a model of the class's own example.
#pragma once

#include <string>
#include <vector>

#include "models/spec/huggingface_config.h"
#include "models/spec/huggingface_families.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

// Attention.

/// MHA, GQA or MQA, with a bias on its four projections where attention_bias says so.
AttentionSpec ReadGrouped(HuggingFaceConfig* c);
/// MLA; q_lora_rank null: no query compression.
AttentionSpec ReadMla(HuggingFaceConfig* c);
/// MHA, GQA or MQA by the numbers of heads.
AttentionKind KindOf(const AttentionSpec& attention);

// Layers.

/// The entries of layer_types, one for each layer; empty where the file has none. Of names of older versions, today's.
std::vector<std::string> LayerTypes(HuggingFaceConfig* c, int layers, const std::vector<std::string>& known);
/// Sets the blocks of every layer, as a pattern where they do not follow from the first MoE layer alone.
void SetLayers(const std::vector<LayerBlocks>& layers, ModelSpec* spec);
/// A window in positions; 0 where it is null or covers every position.
int WindowOf(HuggingFaceConfig* c, const std::string& key = "sliding_window");
/// Gives the layers that `sliding` names a window: all of them in place, some as a mixer beside the model's own.
void SetWindows(int window, const std::vector<bool>& sliding, ModelSpec* spec);
/// The same by layer_types, or where the file has none by `otherwise`.
void ReadWindows(HuggingFaceConfig* c, ModelSpec* spec, bool (*otherwise)(int layer));
/// Refuses a window that some layers have: of families whose attention cannot have one here.
void RefuseWindow(HuggingFaceConfig* c);

// Experts.

/// Numbers of experts of a class that has these names for them; InputError where they do not go together.
MoeSpec ReadExperts(HuggingFaceConfig* c, const std::string& experts, const std::string& top_k,
                    const std::string& width);
/// n_routed_experts, groups, scoring function and first dense layers, as DeepSeek's classes have them.
MoeSpec ReadDeepSeekMoe(HuggingFaceConfig* c, int layers);
/// InputError where groups or top-k do not suit the experts.
void CheckMoe(HuggingFaceConfig* c, const std::string& experts_key, const MoeSpec& moe, int layers);
/// num_nextn_predict_layers, where the file has it.
int MtpModules(HuggingFaceConfig* c, const std::string& key = "num_nextn_predict_layers");

// Readers.

void ReadLlama(HuggingFaceConfig* c, ModelSpec* spec);
void ReadDeepSeek(HuggingFaceConfig* c, ModelSpec* spec);
/// A feed-forward with a gated GELU: said to be priced as SwiGLU, which has the same matrices and bytes.
void AcceptGatedGelu(HuggingFaceConfig* c);

// The tables.

std::vector<HuggingFaceFamily> DeepSeekFamilies();
std::vector<HuggingFaceFamily> DenseFamilies();
std::vector<HuggingFaceFamily> QwenFamilies();
std::vector<HuggingFaceFamily> MoeFamilies();
std::vector<HuggingFaceFamily> WindowFamilies();
std::vector<HuggingFaceFamily> HybridFamilies();

}  // namespace orrery::models
