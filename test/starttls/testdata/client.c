// Connects to a NATS server over TLS, waits until it has answered, and prints "connected".
// usage: client URL CA-FILE HOST
#include <nats/nats.h>
#include <stdio.h>

int main(int argc, char **argv) {
	natsOptions *o = NULL;
	natsConnection *c = NULL;
	natsStatus s = argc == 4 ? natsOptions_Create(&o) : NATS_INVALID_ARG;
	if (s == NATS_OK) s = natsOptions_SetURL(o, argv[1]);
	if (s == NATS_OK) s = natsOptions_SetSecure(o, true);
	if (s == NATS_OK) s = natsOptions_LoadCATrustedCertificates(o, argv[2]);
	if (s == NATS_OK) s = natsOptions_SetExpectedHostname(o, argv[3]);
	if (s == NATS_OK) s = natsConnection_Connect(&c, o);
	puts(s == NATS_OK ? "connected" : natsStatus_GetText(s));
	natsConnection_Destroy(c);
	natsOptions_Destroy(o);
	return s == NATS_OK ? 0 : 1;
}
