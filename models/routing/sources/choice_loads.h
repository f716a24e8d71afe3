// Loads of a synthetic router whose experts choose their tokens.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/sources/expert_choice.h"
#include "models/routing/sources/synthetic_loads.h"

namespace orrery::models {

/// Expert choice over the same text and affinities as SyntheticLoads. Over a sequence or a micro-batch each
/// rank sends every expert the same number of rows, exactly; over the global batch a micro-batch is uneven
/// again. Tables are measured on whole chunks, at most kMeasuredChunk tokens long. There is no group limit.
class ChoiceLoads : public TableLoads {
 public:
  static constexpr int kDrawnLayers = SyntheticLoads::kDrawnLayers;
  static constexpr int kMeasuredChunk = 1024;

  /// InputError where a chunk does not divide the sequence.
  ChoiceLoads(const LoadShape& shape, const SyntheticOptions& options, int moe_layers, std::uint64_t seed,
              const RunControl& control = {});
  const LoadTable& Table(int layer) const override;
  LoadTable TableOn(int layer, const LoadShape& physical, const SlotMap& map) const override;
  /// Few tokens (LoadSampler::HasFewTokens) are routed one by one.
  void SampleOn(const LoadTable& table, const LoadShape& physical, const SlotMap& map, int layer,
                int micro_batch, int group, ExchangeLoad* load) const override;
  std::string Describe() const override;

  /// The same micro-batch chosen chunk by chunk: what Sample imitates.
  void SampleExactlyOn(const LoadShape& physical, const SlotMap& map, int layer, int micro_batch, int group,
                       ExchangeLoad* load) const;
  /// Share of the mix's tokens that have j experts, [0 .. most]; over chunks within a rank of all tokens of
  /// the chunks measured, so that their mean is exactly what experts take.
  std::vector<double> ExpertsPerToken(int layer) const override;
  const ChoiceChunk& chunk() const { return options_.chunk; }

 private:
  struct Drawn {
    RouterLayer router;
    std::vector<float> threshold;     ///< [experts], over the global batch only
    ChosenTokens text;                ///< [domains][measured documents * RoutedText::kDocumentTokens]
    std::vector<double> token_share;  ///< of the mix's tokens, that have j experts
    LoadTable table;
  };
  Drawn DrawLayer(int layer, const RunControl& control) const;
  std::vector<int> MeasuredParts(RandomStream* random) const;
  int WantedTokens() const;
  bool HasShortParts() const;
  void MeasureMix(RandomStream* random, FastNormal& normal, const RunControl& control, Drawn* drawn) const;
  void MeasureDomain(int domain, RandomStream* random, FastNormal& normal, const RunControl& control,
                     Drawn* drawn) const;
  LoadTable Measure(const ChosenTokens& text, const LoadShape& physical, const SlotMap& map) const;
  void MeasureBatch(FastNormal& normal, Drawn* drawn) const;
  std::vector<int> ChunkLengths(const LoadShape& physical, int rank) const;
  int MeasuredTokens() const;
  double RowsOf(const LoadShape& physical, int rank) const;
  double RowsPerToken(const LoadShape& physical) const;
  void SetEvenRows(const LoadShape& physical, const SlotMap& map, LoadTable* table) const;

  SyntheticOptions options_;
  GateShape gate_;
  std::vector<int> chunks_;  ///< of the micro-batch of a rank of shape()
  std::vector<Drawn> drawn_;
  std::vector<std::vector<std::uint16_t>> renumber_;
  std::vector<LoadTable> tables_;
};

}  // namespace orrery::models
