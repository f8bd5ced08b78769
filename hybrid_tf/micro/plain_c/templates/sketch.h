{% include "example.h" %}
void setup() {
  Serial.begin(115200);
  while (!Serial && millis() < 5000) {
  }
{%- if caller %}
#if defined(ESP32)
  if (psramFound()) arena = (uint32_t *)ps_malloc({{ NAME }}_ARENA_BYTES);
#endif
  if (!arena) arena = (uint32_t *)malloc({{ NAME }}_ARENA_BYTES);
{%- endif %}
}

void loop() {
{%- if caller %}
  if (!arena) {
    Serial.println("no memory for the arena");
    delay(1000);
    return;
  }
{%- endif %}
  take_image();
  const unsigned long start = micros();
  const int found = classify();
  const unsigned long spent = micros() - start;
  Serial.print("class ");
  Serial.print(found);
  Serial.print(": ");
  Serial.print({{ name }}_class_names[found]);
  Serial.print(", ");
  Serial.print(spent);
  Serial.print(" microseconds; ");
  Serial.println(compared());
  delay(1000);
}
