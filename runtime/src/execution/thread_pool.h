// Threads that share the parts of one task after the other.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <vector>

namespace hybrid_tf {

// The threads start with the first task, wait busily for a short while after each task, since the next one follows
// within microseconds, and then sleep. A process that fork() makes has none of its parent's threads; its pools start
// their own, also when the parent's were in the middle of a task.
class ThreadPool {
 public:
  ThreadPool();
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Asks for `threads` threads, the caller of run() included; there will be fewer if the system refuses more.
  void reserve(int threads);

  // Calls work(argument, 0) to work(argument, parts - 1), each once, in any order, and returns when all have returned.
  // There may be up to 65535 parts. The caller works too; it does everything when the pool is busy with another task.
  void run(void (*work)(void* argument, int part), void* argument, int parts);

 private:
  bool take_part();
  void wait_for_work();
  void work_until_stopped();
  void start_threads();
  static void* start(void* pool);

  // What happens around a fork(), to the pools of the process.
  static void before_fork();
  static void after_fork_in_parent();
  static void after_fork_in_child();
  void forget_parent();

  static pthread_mutex_t pools_;  // guards the list of all pools
  static ThreadPool* first_;
  ThreadPool *next_, **link_;  // the next pool, and what points to this one

  std::atomic<int> wanted_{0};  // threads, without the caller of run()
  int asked_ = 0;               // how many of them the system was asked for
  std::vector<pthread_t> threads_;
  pthread_mutex_t callers_, sleep_;  // of run(); of the threads that sleep
  pthread_cond_t wake_;

  // The task. Written only while nobody can hold a part of it.
  void (*work_)(void*, int) = nullptr;
  void* argument_ = nullptr;
  // Which part is next: number of the task << 32 | number of its parts << 16 | parts taken. One word, so that a part is
  // taken of the very task that was looked at.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> unfinished_{0};  // parts
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace hybrid_tf
