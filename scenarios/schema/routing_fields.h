// The keys of a scenario's `routing` section.
#pragma once

#include "core/config/fields.h"
#include "models/routing/sources/routing_options.h"

namespace orrery::scenarios {

const Fields<models::RoutingOptions>& RoutingFields();

/// A section as it stands: its keys and values checked one by one. Null: nothing is asked. What goes together
/// is models::ResolveRouting's to say.
models::RoutingOptions ReadRouting(const Value* section);

}  // namespace orrery::scenarios
