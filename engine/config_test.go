package engine

// A config configures one side in a test: a server ignores the Target.
type config struct {
	Config
	Target
}

// client returns c as a client has it.
func (c *config) client() *clientConfig { return &clientConfig{Config: &c.Config, Target: c.Target} }

func startClient(c *config) (*Receiver, *Sender, error) { return Client(&c.Config, c.Target) }

func startServer(c *config) (*Receiver, *Sender, error) { return Server(&c.Config) }
