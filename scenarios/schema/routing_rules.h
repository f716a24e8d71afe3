// What of a routing section survives under another strategy or under recorded loads: the document that
// `orrery routing` reports on, a scenario's or one made of options.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config/document.h"

namespace orrery::scenarios {

struct RoutingInput {
  std::string scenario, strategy, loads;  ///< empty: none
  std::optional<std::string> model;       ///< a preset, or a Hugging Face config.json
  std::vector<std::string> settings;      ///< KEY=VALUE of --set and its like
  /// One of several strategies: settings are meant for those that they mean something to.
  bool compared = false;
  const Document* read = nullptr;  ///< a scenario that is read already, instead of a file's

  bool FromScenario() const { return read != nullptr || !scenario.empty(); }
};

struct RoutingDocument {
  Document document;
  std::vector<std::string> left_out;  ///< keys of `routing` that mean nothing to the strategy, in order
};

/// Another strategy than the scenario's keeps the keys of its routing section but those that suit a strategy
/// alone (alpha, update, rate, rate_until, chunk) and those that mean nothing to it, which are named in
/// left_out; so do recorded loads. InputError where options contradict each other.
RoutingDocument LoadRoutingDocument(const RoutingInput& input);

/// InputError where one of `settings` means something to none of the strategies; they are known names.
void RequireMeaning(const std::vector<std::string>& settings, const std::vector<std::string>& strategies);

}  // namespace orrery::scenarios
