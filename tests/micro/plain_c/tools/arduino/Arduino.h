// What the example uses of Arduino's core, declared anew for a test on this computer; output goes to stdout.
#pragma once

#include <stdint.h>
#include <stdlib.h>

#include <cstdio>

struct Output {
  void begin(unsigned long) {}
  explicit operator bool() const { return true; }
  void print(int number) { std::printf("%d", number); }
  void print(unsigned long number) { std::printf("%lu", number); }
  void print(const char* text) { std::printf("%s", text); }
  void println(const char* text) { std::printf("%s\n", text); }
};

static Output Serial;

inline unsigned long millis() { return 0; }
inline unsigned long micros() { return 0; }
inline void delay(unsigned long) {}
void setup();
void loop();
