// Draws a micro-batch's exchange from a layer's LoadTable without routing tokens: expected counts of the
// documents present, Gaussian deviations with the variances of correlated text, rounded so that every sum
// holds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/routing/sampling/load_table.h"
#include "models/routing/text/text_mix.h"

namespace orrery::models {

class LoadSampler {
 public:
  /// The ranks of `shape` make up whole nodes. The shape is copied.
  explicit LoadSampler(const LoadShape& shape);

  /// Where ranks have fewer tokens than this, in the mean, Gaussian counts are poor: route tokens instead.
  static constexpr int kFewestTokens = 64;
  static bool HasFewTokens(const LoadShape& shape) {
    return shape.Tokens() < std::int64_t{kFewestTokens} * shape.ranks;
  }

  /// Rows that share one or several capacities, before and after dropping.
  struct DroppedRows {
    double selected = 0, kept = 0;
    double safe = 0;  ///< rows of sequences that are never dropped; they count in both
    /// Of the rows that may be dropped, the share that stays.
    double Share() const { return selected > safe ? (kept - safe) / (selected - safe) : 1; }
    DroppedRows& operator+=(const DroppedRows& o) {
      selected += o.selected, kept += o.kept, safe += o.safe;
      return *this;
    }
  };

  void Sample(const LoadTable& table, const std::vector<TextDocument>& documents, RandomStream random,
              ExchangeLoad* load);

 private:
  void AddUp(const LoadTable& table, const std::vector<TextDocument>& documents);
  std::int64_t DrawRows(const LoadTable& table, FastNormal& normal) const;
  void DrawSlots(const LoadTable& table, FastNormal& normal, ExchangeLoad* load);
  void Drop(const LoadTable& table, ExchangeLoad* load);
  void KeepNodes(const LoadTable& table, std::span<const DroppedRows> ranks);
  void DrawUnique(const LoadTable& table, FastNormal& normal, ExchangeLoad* load);
  void DrawScaleOut(const LoadTable& table, const std::vector<TextDocument>& documents, FastNormal& normal,
                    ExchangeLoad* load);
  void DrawScaleUp(const LoadTable& table, FastNormal& normal, ExchangeLoad* load);

  LoadShape shape_;
  int node_size_, nodes_;
  std::vector<float> tokens_;       ///< [domains] tokens present
  std::vector<float> safe_tokens_;  ///< [domains] of sequences that are never dropped
  std::vector<float> square_;       ///< [domains] sum of squares of documents' tokens
  std::vector<float> lane_tokens_;  ///< [node_size][domains] tokens on GPUs of one index in the node
  std::vector<float> mean_, variance_, reach_, lane_reach_;
  std::vector<float> kept_rank_;  ///< [ranks] chance that a kept row's other rows on the rank are kept too
  std::vector<float> node_kept_;  ///< [nodes] share of the tokens sent to a node that keep a row there
  std::vector<std::int32_t> cells_;
};

}  // namespace orrery::models
