// A loop whose rounds run on several threads, in any order.
#pragma once

#include <cstddef>

#ifdef __SANITIZE_THREAD__
#include <atomic>
#include <exception>
#include <thread>
#include <vector>
#else
#include <tbb/parallel_for.h>
#endif

namespace orrery {

/// Calls body(i) for i in [0, count) on the threads of TBB; returns when all are done. If some throw, one of their
/// exceptions leaves here. A round writes to its own slot, so that the result does not depend on the threads.
template <typename Body>
void ParallelFor(std::size_t count, const Body& body) {
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer sees nothing of what orders rounds inside libtbb, which is not built with it, and would call
  // every start and end of a loop a race. So under it threads are the standard library's: what the rounds share is
  // checked all the same.
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> thrown(4);
  std::vector<std::thread> threads;
  for (std::exception_ptr& error : thrown) {
    threads.emplace_back([&next, &body, &error, count] {
      try {
        for (std::size_t i = next++; i < count; i = next++) body(i);
      } catch (...) {
        error = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : thrown)
    if (error) std::rethrow_exception(error);
#else
  tbb::parallel_for(std::size_t{0}, count, body);
#endif
}

}  // namespace orrery
