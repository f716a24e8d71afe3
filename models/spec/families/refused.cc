// Architectures that people have and that are not modelled, each with what stands in the way.
#include "models/spec/huggingface_families.h"

namespace orrery::models {

const std::vector<RefusedFamily>& RefusedFamilies() {
  static const std::vector<RefusedFamily> table = {
      {"deepseek_v4", "its compressed sparse attention is not modelled"},
      {"hunyuan", "keys and values that layers share are not modelled"},
      {"gemma3n_text", "keys and values that layers share, and embeddings of each layer, are not modelled"},
      {"gemma4_text", "keys and values that layers share, and embeddings of each layer, are not modelled"},
      {"minimax_text_01", "lightning attention is not modelled"},
      {"minimax_m1", "lightning attention is not modelled"},
      {"bailing_moe_linear", "lightning attention is not modelled"},
      {"bailing_hybrid", "lightning attention is not modelled"},
      {"jamba", "Mamba-1 mixers are not modelled"},
      {"mamba", "models without any attention are not modelled"},
      {"mamba2", "models without any attention are not modelled"},
      {"falcon_mamba", "models without any attention are not modelled"},
      {"rwkv", "models without any attention are not modelled"},
      {"zamba2", "a block that layers share is not modelled"},
      {"lfm2", "short convolutions as mixers are not modelled"},
      {"lfm2_moe", "short convolutions as mixers are not modelled"},
      {"longcat_flash", "two attentions a layer and experts that compute nothing are not modelled"},
      {"step3_text", "attention on factored queries is not modelled"},
      {"cohere", "attention and feed-forward that read the same norm are not modelled"},
      {"cohere2", "attention and feed-forward that read the same norm are not modelled"},
      {"falcon", "attention and feed-forward that read the same norm are not modelled"},
      {"gpt_neox", "attention and feed-forward that read the same norm are not modelled"},
      {"phi", "attention and feed-forward that read the same norm are not modelled"},
      {"gpt2", "feed-forwards without a gate are modelled of Nemotron-H alone"},
      {"starcoder2", "feed-forwards without a gate are modelled of Nemotron-H alone"},
      {"nemotron", "feed-forwards without a gate are modelled of Nemotron-H alone"},
      {"arcee", "feed-forwards without a gate are modelled of Nemotron-H alone"},
      {"bert", "only decoders are modelled"},
      {"t5", "only decoders are modelled"},
  };
  return table;
}

}  // namespace orrery::models
