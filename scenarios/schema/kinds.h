// The kinds of scenario there are: read, written, explained and begun without knowing which.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config/fields.h"
#include "scenarios/schema/attention_scenario.h"
#include "scenarios/schema/scenario.h"
#include "scenarios/schema/serving_scenario.h"

namespace orrery::scenarios {

using AnyScenario = std::variant<Scenario, AttentionScenario, ServingScenario>;

struct ScenarioKind {
  std::string name;               ///< of workload.kind
  std::string what;               ///< in a few words
  std::vector<FieldInfo> fields;  ///< at the top
  std::string example;            ///< a scenario that comes with Orrery
};
const std::vector<ScenarioKind>& ScenarioKinds();

/// Settled and checked; InputError with the place of what is wrong. `file` is what reports call it by.
AnyScenario ReadScenario(const Document& document, const std::string& file);
Written WriteScenario(const AnyScenario& scenario);

/// Files that a scenario names, absolute: its models' configurations, recorded loads, kernel tables.
std::vector<std::string> FilesOf(const AnyScenario& scenario);
/// Of what is asked: equal for scenarios that have the same answers.
std::string HashOf(const AnyScenario& scenario);

/// Every key of every kind whose path begins with `prefix`: type, unit, limits, default, meaning. InputError
/// where no key does.
std::string KeysText(std::string_view prefix);
/// docs/scenario.md.
std::string KeysMarkdown();

/// A scenario of a kind to start from: its example's keys, each explained, and every other key in a comment with
/// its default. InputError for a kind that is not known.
std::string NewScenario(const std::string& kind);

/// A scenario file in the keys of today.
struct Migrated {
  std::string text;
  std::vector<std::pair<std::string, std::string>>
      renamed;                ///< old and current names; empty: nothing changed
  bool comments_kept = true;  ///< false: the layout did not allow it, the file is written anew
};
Migrated Migrate(const std::string& text, const std::string& name);

}  // namespace orrery::scenarios
