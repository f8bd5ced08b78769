/* {{ title }}: the header of the library. {{ made }} */
#ifndef {{ library|upper }}_H
#define {{ library|upper }}_H

#include "{{ name }}.h"

#endif
