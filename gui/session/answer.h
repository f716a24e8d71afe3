// What a scenario was answered, and how sure the answer is.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "scenarios/run.h"
#include "scenarios/studies/attention_report.h"
#include "scenarios/studies/uncertainty.h"
#include "scenarios/training/waits.h"

namespace orrery::gui {

/// Kinds of answers, each surer than the one before.
enum class Sureness : std::uint8_t {
  kFolded,    ///< equal ranks simulated as one: direction only, blind to imbalance
  kOneGroup,  ///< one exchange group of every pipeline rank, its loads as drawn
  kEveryGpu,  ///< every GPU simulated
  kAnalysed,  ///< the same, with interval, critical path and what would help
};
inline constexpr std::array kSurenesses = {Sureness::kFolded, Sureness::kOneGroup, Sureness::kEveryGpu,
                                           Sureness::kAnalysed};

/// "○", "◐", "●" or "◉", in UTF-8.
std::string_view Mark(Sureness kind);
/// "folded, blind to imbalance", ...
std::string_view Words(Sureness kind);

/// Numbers what is asked: variants that ask the same have the same generation, and every edit that asks another
/// thing leads to another one.
using Generation = std::uint64_t;

/// Immutable and shared: pages, item models and the session hold the same one.
struct Answer {
  int variant = 0;  ///< that asked
  Generation generation = 0;
  Sureness kind{};
  std::shared_ptr<const scenarios::TrainingResult> result;  ///< of training; with the studies where kAnalysed
  /// What was simulated, its timeline where it was kept; of kAnalysed the run of kEveryGpu. Null once it was
  /// let go to save memory.
  std::shared_ptr<const scenarios::Run> run;
  std::shared_ptr<const scenarios::WaitSums>
      waits;  ///< of the first exchange group, where there are exchanges
  std::shared_ptr<const scenarios::AttentionReport> attention;  ///< of a comparison of attention designs
  double took_s = 0;
};
using AnswerPtr = std::shared_ptr<const Answer>;

/// Whether a difference between folded answers of the two tells anything: folded simulations see neither
/// routing nor placement, loads or seed.
bool FoldedTells(const scenarios::Scenario& from, const scenarios::Scenario& to);

/// Two answers of one kind, the only ones of which a difference is taken.
struct AnswerPair {
  AnswerPtr base, other;
  Sureness kind() const { return base->kind; }
};

/// How two variants differ under the same draws, by what they ask.
struct Difference {
  Generation base = 0, other = 0;
  scenarios::PairedDifference step;
};

}  // namespace orrery::gui
