// Real loads: expert counts or token traces from a file.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/run_control.h"
#include "models/routing/load_source.h"
#include "models/routing/sources/table_loads.h"

namespace orrery::models {

/// Whether a recorded number can be a load: far below where sums overflow, and whole counts still exact.
constexpr bool IsLoad(double x) { return x >= 0 && x <= 1e15; }

/// Expert loads by layer and domain, as recorded. Each [layer][domain] holds one load an expert, in any unit.
struct ExpertLoads {
  std::string origin;                ///< file, or a model's name
  std::vector<std::string> domains;  ///< at least one
  std::vector<double> share;         ///< [domains] of the mix; even unless known
  int experts = 0;
  int top_k = 0;  ///< experts a token, where the file tells; 0: it does not
  std::vector<std::vector<std::vector<double>>> load;  ///< [layers][domains][experts]
  bool one_scale =
      false;  ///< domains' loads compare as they are: one may have more rows a token than another
  bool open_ended = false;  ///< experts are those named: the model may have more, never selected
  /// Layers of the file without any load, by their place in it from 0; they are not in `load`. Recorders list
  /// a model's dense layers too.
  std::vector<int> without_load = {};
  int never_named = 0;  ///< of an open-ended file: so many of the model's last experts
  std::string highest =
      {};  ///< where the file names its last expert, or what else tells why there are so many

  int layers() const { return static_cast<int>(load.size()); }
  /// Relative loads of the mix in one layer.
  std::vector<double> Mix(int layer) const;
};

/// Reads by extension:
///   .csv   `layer` (layer_id, layer_idx, ..), any text columns (together the domain, at most 256), optional
///          `share` (the domain's of the mix) and `tokens`, then experts e0.. or e1.. (expert_0.., 0..); or
///          long form `layer,expert,count` (layer_id, expert_id, load, token_count, ..), without a layer of
///          one; or a token trace `layer,token,top1..topK` of expert numbers. Rows that differ in `step`,
///          `forward_pass_id`, `rank` and the like are summed. Lines starting with # are comments.
///          Layers are numbered without a gap.
///   .json  {"logical_count": ...} (SGLang's expert distribution recorder; [layers][experts] or
///          [steps][layers][experts]), {"expert_load": ...} or {"expert_load_pass": ...} (vLLM), with
///          "physical_to_logical_map" where counts are of physical slots; {"weight": ...} (EPLB) or the
///          bare array.
/// InputError with file and place when a value is no finite non-negative number, rows differ in length,
/// counts do not add up (tokens given: each row must be tokens x k for one whole k), an expert is chosen
/// twice by a token, something is counted twice, shares do not add up to 1, a JSON file holds more than one
/// of the tables, a column of text has more values than there can be domains, an unknown column holds numbers,
/// a layer is missing between two, or a domain of a layer has no load at all. A file may have 256 MiB: `control`
/// hears how far a CSV file is read, and stops either.
ExpertLoads ReadExpertLoads(const std::filesystem::path& file, const RunControl& control = {});
/// The same for a model of so many experts and dense layers before them: what an open-ended file does not
/// name was never selected, and layers without load must be the dense ones.
ExpertLoads ReadExpertLoads(const std::filesystem::path& file, int experts, int dense_layers = 0,
                            const RunControl& control = {});
ExpertLoads ParseLoadsCsv(std::string_view text, const std::string& name, const RunControl& control = {});
ExpertLoads ParseLoadsJson(std::string_view text, const std::string& name, const RunControl& control = {});

/// Samples recorded loads: routers are made whose experts are selected as often as recorded, domain by
/// domain, to within one selection an expert of 2048 tokens; everything else (what nodes a token touches,
/// noise) follows from routing through the gate. Layers beyond the recorded ones start over.
class RecordedLoads : public TableLoads {
 public:
  RecordedLoads(const LoadShape& shape, const ExpertLoads& loads, TextMix mix, int moe_layers,
                std::uint64_t seed, const RunControl& control = {});
  const LoadTable& Table(int layer) const override;
  LoadTable TableOn(int layer, const LoadShape& physical, const SlotMap& map) const override;
  std::string Describe() const override;

 private:
  std::string origin_;
  int recorded_layers_, dense_layers_, moe_layers_, never_named_;
  double distance_ = 0;  ///< of the imitation from what was recorded, the worst layer and domain's
  std::vector<std::vector<std::uint16_t>> selected_;  ///< [layers] experts of the measured text
  std::vector<LoadTable> tables_;
};

}  // namespace orrery::models
