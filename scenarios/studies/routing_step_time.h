// Joins routing reports to the training simulation: a step's time under given expert loads.
#pragma once

#include "core/config/document.h"
#include "scenarios/studies/routing_report.h"

namespace orrery::scenarios {

/// The step time of the scenario's cluster under any load source; sets the request's training geometry to the
/// scenario's, so that its load sources fit. Every GPU is simulated, as by RunTraining.
StepSimulator StepTimeOf(const Document& scenario, RoutingRequest* request);

}  // namespace orrery::scenarios
