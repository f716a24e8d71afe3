// Routing options as a scenario's text gives them, for tests.
#pragma once

#include <memory>

#include "core/config/key_error.h"
#include "models/routing/sources/routing_options.h"
#include "scenarios/schema/routing_fields.h"

namespace orrery::models {

/// The `routing` section of a document, resolved for a model; errors have their places.
inline RoutingSection ReadSection(const Document& document, const MoeSpec& moe) {
  return WithPlaces(document.root(), [&] {
    return ResolveRouting(scenarios::ReadRouting(document.root().Find("routing")), moe);
  });
}

/// Resolved and held against a shape.
inline void CheckSection(const Document& document, const MoeSpec& moe, const LoadShape& shape) {
  const RoutingOptions options = scenarios::ReadRouting(document.root().Find("routing"));
  WithPlaces(document.root(), [&] { CheckRoutingShape(options, ResolveRouting(options, moe), shape); });
}

/// The source that the section describes.
inline std::unique_ptr<TableLoads> MakeSource(const Document& document, const MoeSpec& moe,
                                              const LoadShape& shape, int moe_layers, std::uint64_t seed) {
  const RoutingOptions options = scenarios::ReadRouting(document.root().Find("routing"));
  return WithPlaces(document.root(), [&] { return MakeLoads(options, moe, shape, moe_layers, seed); });
}

}  // namespace orrery::models
