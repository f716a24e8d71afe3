#include "models/parallel/stages.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "core/config/key_error.h"

namespace orrery::models {
namespace {

constexpr std::string_view kWords =
    "a number of layers, or parts joined by '+': a number of layers, head, mtp, mtp-layer, mtp-head";

/// Of the chain's end: 0 is the head, 2 m + 1 the layer of MTP module m, 2 m + 2 its use of the head.
std::string_view EndName(int part) { return part == 0 ? "head" : part % 2 == 1 ? "mtp-layer" : "mtp-head"; }

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> SplitAtPlus(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t plus; (plus = text.find('+')) != std::string_view::npos; text.remove_prefix(plus + 1))
    words.push_back(Trimmed(text.substr(0, plus)));
  words.push_back(Trimmed(text));
  return words;
}

std::optional<int> WholeNumber(std::string_view word) {
  int value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || value < 0) return std::nullopt;
  return value;
}

KeyError ErrorOfList(const std::string& message) { return {"parallelism.layers_per_stage", message}; }

KeyError ErrorOfStage(std::size_t stage, const std::string& message) {
  return {fmt::format("parallelism.layers_per_stage[{}]", stage), message};
}

/// Reads the entries of a layers_per_stage list in order and knows how far along the chain it has come.
class ListReader {
 public:
  explicit ListReader(const ModelSpec& spec) : spec_(spec) {}

  StageShare Entry(const std::string& text) {
    StageShare share;
    const std::vector<std::string_view> words = SplitAtPlus(text);
    if (words.size() == 1 && !words[0].empty() && words[0].front() <= '9') {
      const std::optional<int> layers = WholeNumber(words[0]);
      if (!layers || *layers > spec_.layers)
        throw Error(fmt::format("expected a whole number from 0 to {}", spec_.layers));
      share.layers = *layers;
    } else {
      for (std::size_t i = 0; i < words.size(); ++i) {
        if (const auto layers = WholeNumber(words[i]); layers && i == 0) {
          share.layers = *layers;
        } else {
          AddEnds(words[i], &share);
        }
      }
    }
    if (share.layers > 0 && ends_ > share.ends)
      throw Error("layers after the head, which takes what the last layer gives");
    layers_ += share.layers;
    ++stage_;
    return share;
  }

  std::int64_t layers() const { return layers_; }
  int ends() const { return ends_; }  ///< parts of the chain's end so far

 private:
  KeyError Error(const std::string& message) const { return ErrorOfStage(stage_, message); }

  void AddEnds(std::string_view word, StageShare* share) {
    if (word != "head" && word != "mtp" && word != "mtp-layer" && word != "mtp-head")
      throw Error(fmt::format("expected {}", kWords));
    AddEnd(word == "mtp" ? "mtp-layer" : word, share);
    if (word == "mtp") AddEnd("mtp-head", share);
  }

  void AddEnd(std::string_view name, StageShare* share) {
    if (ends_ == EndParts(spec_)) {
      throw Error(fmt::format("{} comes after the last part of {}, which has {} MTP module{}", name,
                              spec_.name, spec_.mtp_modules, spec_.mtp_modules == 1 ? "" : "s"));
    }
    if (name != EndName(ends_)) {
      throw Error(fmt::format(
          "{} out of order: expected {} first; a model ends with its head, then mtp-layer and mtp-head of "
          "each MTP module",
          name, EndName(ends_)));
    }
    ++ends_;
    ++share->ends;
  }

  const ModelSpec& spec_;
  std::size_t stage_ = 0;
  std::int64_t layers_ = 0;
  int ends_ = 0;
};

/// A rank of which every stage is empty.
void CheckRanks(const std::vector<StageShare>& shares, const Schedule& schedule) {
  for (int rank = 0; rank < schedule.spec.ranks; ++rank) {
    const auto held = schedule.StagesOf(rank);
    const bool empty = std::all_of(held.begin(), held.end(), [&](const auto& stage) {
      return stage.first > 0 && shares[static_cast<std::size_t>(stage.first)] == StageShare{};
    });
    if (!empty) continue;
    throw ErrorOfStage(
        static_cast<std::size_t>(held.front().first),
        fmt::format("leaves pipeline rank {} with nothing to hold; expected at least one layer, head or mtp "
                    "on one of its stages",
                    rank));
  }
}

std::vector<StageShare> WithEndsOnTheLast(const std::vector<int>& layers_per_stage, int ends) {
  std::vector<StageShare> shares;
  for (const int layers : layers_per_stage) shares.push_back({layers, 0});
  if (!shares.empty()) shares.back().ends = ends;
  return shares;
}

}  // namespace

StageLayout MakeStageLayout(const ModelSpec& spec, const std::vector<StageShare>& shares) {
  StageLayout layout;
  int layer = 0, end = 0;
  for (std::size_t s = 0; s < shares.size(); ++s) {
    const StageShare& share = shares[s];
    ORRERY_CHECK(share.layers >= 0 && share.ends >= 0 && (share.layers == 0 || end == 0),
                 fmt::format("stage {} of {} layers and {} of the parts after the layers, {} of which come "
                             "before it",
                             s, share.layers, share.ends, end));
    Stage stage;
    stage.has_embedding = s == 0;
    for (int i = 0; i < share.layers; ++i) stage.layers.push_back(layer++);
    stage.has_head = end == 0 && share.ends > 0;
    stage.mtp_parts = share.ends - (stage.has_head ? 1 : 0);
    if (stage.mtp_parts > 0) stage.first_mtp_part = std::max(end, 1) - 1;
    end += share.ends;
    layout.stages.push_back(std::move(stage));
  }
  ORRERY_CHECK(layer == spec.layers && end == EndParts(spec),
               fmt::format("{} layers and {} parts after them on stages, the model has {} and {}", layer, end,
                           spec.layers, EndParts(spec)));
  return layout;
}

StageLayout MakeStageLayout(const ModelSpec& spec, const std::vector<int>& layers_per_stage) {
  return MakeStageLayout(spec, WithEndsOnTheLast(layers_per_stage, EndParts(spec)));
}

StageLayout StageLayoutOf(const std::vector<std::string>& entries, const ModelSpec& spec,
                          const Schedule& schedule) {
  if (entries.size() != static_cast<std::size_t>(schedule.stages)) {
    throw ErrorOfList(
        fmt::format("expected {} numbers, one per pipeline stage, not {}", schedule.stages, entries.size()));
  }
  ListReader reader(spec);
  std::vector<StageShare> shares;
  for (const std::string& entry : entries) shares.push_back(reader.Entry(entry));
  if (reader.layers() != spec.layers) {
    throw ErrorOfList(fmt::format("expected numbers that sum to the {} layers of {}, not {}", spec.layers,
                                  spec.name, reader.layers()));
  }
  if (reader.ends() == 0) {
    shares.back().ends = EndParts(spec);
  } else if (reader.ends() < EndParts(spec)) {
    throw ErrorOfList(
        fmt::format("{} is on no stage; expected every part after the layers to be named, or "
                    "none, for all of them on the last stage",
                    EndName(reader.ends())));
  }
  CheckRanks(shares, schedule);
  return MakeStageLayout(spec, shares);
}

std::string Describe(const ModelSpec& spec, const Stage& stage) {
  std::string text = stage.has_embedding ? "embedding" : "";
  const auto add = [&text](int count, std::string_view what, bool numbered) {
    if (count == 0) return;
    if (!text.empty()) text += " + ";
    text += numbered ? fmt::format("{} {}", count, what) : what;
  };
  int moe = 0;
  for (const int layer : stage.layers) moe += spec.IsMoeLayer(layer) ? 1 : 0;
  add(static_cast<int>(stage.layers.size()) - moe, "dense", true);
  add(moe, "MoE", true);
  add(stage.has_head ? 1 : 0, "head", false);
  const int first = stage.first_mtp_part, end = first + stage.mtp_parts;
  const int lone_head = stage.mtp_parts > 0 && first % 2 == 1,
            lone_layer = stage.mtp_parts > 0 && end % 2 == 1;
  const int modules = (stage.mtp_parts - lone_head - lone_layer) / 2;
  add(lone_head, "MTP head", false);
  add(modules, "MTP", spec.mtp_modules > 1);
  add(lone_layer, "MTP layer", false);
  return text.empty() ? "nothing" : text;
}

}  // namespace orrery::models
