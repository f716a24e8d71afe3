// Loads of a synthetic router in which each domain has its own hot experts, so that a layer whose load is
// balanced over the whole mix is still uneven in every micro-batch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/run_control.h"
#include "core/config/document.h"
#include "models/routing/balance/strategy.h"
#include "models/routing/balance/update_rule.h"
#include "models/routing/load_source.h"
#include "models/routing/placement.h"
#include "models/routing/sampling/load_table.h"
#include "models/routing/sources/expert_choice.h"
#include "models/routing/sources/table_loads.h"
#include "models/routing/text/text_mix.h"
#include "models/spec/model_spec.h"

namespace orrery::models {

/// What SyntheticLoads needs besides the shape.
struct SyntheticOptions {
  AffinityParameters affinity;
  BalanceRule balance;  ///< what the converged router's biases are
  int fewest_documents = 1, most_documents = 4, sequence_length = 4096;
  int measured_documents =
      16;             ///< of RoutedText::kDocumentTokens in each domain: the text tables are measured on
  ChoiceChunk chunk;  ///< of Strategy::kExpertChoice
};

/// The text of a synthetic router.
TextMix MixOf(const SyntheticOptions& options);

/// The synthetic router, balanced by a strategy until it has converged. Layers beyond kDrawnLayers reuse the
/// drawn ones with nodes, gate groups and ranks renumbered (renumbering.h): equal in distribution, cheaper to
/// make.
class SyntheticLoads : public TableLoads {
 public:
  static constexpr int kDrawnLayers = 12;

  SyntheticLoads(const LoadShape& shape, const SyntheticOptions& options, int moe_layers, std::uint64_t seed,
                 const RunControl& control = {});
  const LoadTable& Table(int layer) const override;
  LoadTable TableOn(int layer, const LoadShape& physical, const SlotMap& map) const override;
  /// Few tokens (LoadSampler::HasFewTokens) are routed one by one.
  void SampleOn(const LoadTable& table, const LoadShape& physical, const SlotMap& map, int layer,
                int micro_batch, int group, ExchangeLoad* load) const override;
  std::string Describe() const override;

  /// The same micro-batch routed token by token: what Sample imitates. Slow (a million tokens a second).
  void SampleExactly(int layer, int micro_batch, int group, ExchangeLoad* load) const;
  void SampleExactlyOn(const LoadShape& physical, const SlotMap& map, int layer, int micro_batch, int group,
                       ExchangeLoad* load) const;
  bool SampleTokenByToken(int layer, int micro_batch, int group, ExchangeLoad* load) const override;
  double NotConverged() const override;
  /// Loads of a layer's experts over the whole mix of domains, 1 where balanced; of a layer beyond the drawn
  /// ones in the order of the drawn one it stands for.
  const std::vector<double>& GlobalLoads(int layer) const;

 private:
  struct Drawn {
    RouterLayer router;
    std::vector<float> bias;  ///< [domains][experts]
    std::vector<double> global;
    LoadTable table;
    std::vector<std::uint16_t> selected;  ///< experts of the measured text
    double distance = 0;                  ///< of ConvergedBiases that did not converge
  };
  Drawn DrawLayer(int layer, const RunControl& control) const;
  void SetBias(const RoutedText& text, const RunControl& control, Drawn* drawn) const;

  SyntheticOptions options_;
  GateShape gate_;
  std::vector<Drawn> drawn_;
  std::vector<std::vector<std::uint16_t>> renumber_;  ///< [layers][slots] drawn slot -> the layer's slot
  std::vector<LoadTable> tables_;                     ///< [layers]
};

/// Feedback of BalanceRule a unit of auxiliary-loss weight. Calibrated once: with it the loss-controlled 1B
/// model of arXiv 2408.15664 Table 2 (64 experts top-6, alpha 1e-3) keeps its MaxVio_global of 0.72.
constexpr double kFeedbackPerAlpha = 250;
/// The same for the 3B model of that table (0.52).
constexpr double kFeedbackPerAlpha3B = 380;

/// Domain deviations of one served domain, each set from one published CV: the three domains of the 16B loads
/// (DeepSeek-V3 report App. C Fig. 10: 0.918, 1.535, 1.707; 64 experts top-6) and R1 translating
/// (TensorRT-LLM blog 4: 1.282; 256 experts top-8, grouped, Student-t5 affinities with spread 0.35).
constexpr double kDomainWikipedia = 0.55;
constexpr double kDomainGithub = 1.04;
constexpr double kDomainMath = 1.24;
constexpr double kDomainR1 = 0.35;
/// V2-Lite on the ESFT intent, summary and law tasks: mean CV 0.71.
constexpr double kDomainV2Lite = 0.42;

/// What a sequence-wise loss leaves of a domain: nearly even experts and a few outliers. Set from CV 0.400,
/// Gini 0.171 and 3.0 % of experts above twice the mean, means over the three domains of the 16B
/// auxiliary-loss model (DeepSeek-V3 report App. C Fig. 10); its MaxVio and share above four times judge.
constexpr double kDomainSequenceLoss = 0.08;
constexpr double kOutlierShare = 0.20;
constexpr double kOutlierSd = 0.45;

/// The router a strategy leads to; `alpha` is the weight of an auxiliary loss.
SyntheticOptions DefaultOptions(Strategy strategy, double alpha);

/// What a strategy that PullsDomains pulls by in training, with micro-batches of `shape`.
LossPullWeights PullOf(const SyntheticOptions& options, const LoadShape& shape);

}  // namespace orrery::models
