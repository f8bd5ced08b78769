// Runs an exported network on images. The exit code is the number of images whose scores differ from those expected.
#include "cases.h"
#include "network.h"

int main(void) {
  int image, score, different = 0;
  for (image = 0; image < CASES; ++image) {
    int8_t scores[NETWORK_CLASSES];
    int same = 1;
    network_run(case_images[image], scores);
    for (score = 0; score < NETWORK_CLASSES; ++score) same &= scores[score] == case_scores[image][score];
    different += !same;
  }
  return different;
}
