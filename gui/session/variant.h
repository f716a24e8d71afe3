// One of the plans that a session compares: an immutable scenario with a name.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/document.h"
#include "gui/session/answer.h"
#include "scenarios/schema/kinds.h"

namespace orrery::gui {

/// What is settled in the table of variants and needs no simulation. Absent: the scenario's.
struct PriceOverrides {
  std::optional<double> dollars_per_gpu_hour, run_tokens;
  bool operator==(const PriceOverrides&) const = default;
};

/// A scenario with the text it was read from. Shared, never changed.
class Plan {
 public:
  /// A file, or the name of a scenario that comes with Orrery. InputError with the place of what is wrong.
  static std::shared_ptr<const Plan> Load(const std::string& file_or_name,
                                          const std::vector<std::string>& overrides = {});
  /// Paths in the text are beside `beside`. `file`: the scenario's own; empty: it has none yet.
  static std::shared_ptr<const Plan> Parse(std::string text, const std::string& beside,
                                           const std::string& file);
  /// With keys changed, as the command line's --set: "parallelism.expert=32". InputError where that does not go
  /// together.
  std::shared_ptr<const Plan> With(const std::vector<std::string>& overrides) const;

  const scenarios::AnyScenario& scenario() const { return scenario_; }
  /// Null of another kind.
  const scenarios::Scenario* training() const { return std::get_if<scenarios::Scenario>(&scenario_); }
  const scenarios::AttentionScenario* attention() const {
    return std::get_if<scenarios::AttentionScenario>(&scenario_);
  }
  const std::string& name() const { return name_; }  ///< as reports call it
  const std::string& file() const { return file_; }  ///< absolute; empty: none
  /// Of what is asked: equal for plans that have the same answers.
  const std::string& hash() const { return hash_; }
  /// Files that the scenario names, absolute: recorded loads, kernel tables, a model.
  const std::vector<std::string>& files() const { return files_; }

  /// All keys that differ from their defaults.
  const Written& written() const { return written_; }
  /// A key's value as it would be written, its default where it is not given; empty where it is absent, a map or
  /// a list.
  std::string ValueOf(std::string_view key) const;
  /// YAML of this scenario for a file in `folder`; comments and layout of its own text stay where they can.
  std::string TextFor(const std::filesystem::path& folder) const;

 private:
  Plan(Document document, std::string text, std::string file);
  static std::shared_ptr<const Plan> Make(Document document, std::string text, std::string file);

  Document document_;
  std::string text_, file_, name_, hash_;
  scenarios::AnyScenario scenario_;
  std::vector<std::string> files_;
  Written written_;
};

/// A key that two plans have otherwise; an empty value stands for its default.
struct KeyChange {
  std::string key, from, to;
  bool operator==(const KeyChange&) const = default;
};
/// In the order of the scenario's keys, its name aside. A list counts as one value.
std::vector<KeyChange> ChangesBetween(const Plan& from, const Plan& to);

/// Immutable as well: what changes is another Variant of the same id.
struct Variant {
  int id = 0;
  std::string name;
  Generation generation = 0;
  std::shared_ptr<const Plan> plan;
  PriceOverrides prices;
  /// The last edit changed what folded answers do not see, so that none tells where it leads.
  bool blind_edit = false;
};
using VariantPtr = std::shared_ptr<const Variant>;

}  // namespace orrery::gui
