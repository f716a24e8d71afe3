// The message of the InputError that something throws.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace orrery {

/// "" and a failed test if `f` does not throw an InputError.
template <class F>
std::string ErrorOf(F&& f) {
  try {
    f();
  } catch (const InputError& e) {
    return e.what();
  }
  ADD_FAILURE() << "no InputError";
  return "";
}

}  // namespace orrery
