package chatscreen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/talk"
)

// maxPending is how many lines wait to be sent.
const maxPending = 100

// maxAlarms is how many warnings wait until the user has seen them.
const maxAlarms = 16

// maxLine is the longest line in characters, of which each has at most 4 bytes.
const maxLine = talk.MaxText / 4

// ErrInterrupted is the error of Run after Ctrl-C.
var ErrInterrupted = errors.New("interrupted")

// Options of Run.
type Options struct {
	Room Room
	Name string // of the user
	// Describe returns the text for an event other than talk.Text, or "" for none.
	Describe func(*talk.Event) string
	// Create begins a file that is received: see Files.
	Create  func(ctx context.Context, name string, size int64) (Stored, error)
	Input   io.Reader
	Output  io.Writer
	Environ []string         // such as TERM and NO_COLOR
	Now     func() time.Time // nil means time.Now
}

// Run shows a room until the user leaves. It returns ErrInterrupted after Ctrl-C, the cause of
// the end of ctx, or an error of the room or the terminal. It does not close the room.
func Run(ctx context.Context, opts Options) error {
	m := newModel(ctx, opts)
	defer m.close()
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(opts.Input),
		tea.WithOutput(opts.Output), tea.WithEnvironment(opts.Environ), tea.WithoutSignalHandler(),
		tea.WithoutCatchPanics())
	_, err := p.Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case m.failed != nil:
		return m.failed
	}
	return err
}

// A model is the state of the screen.
type model struct {
	ctx      context.Context
	opts     Options
	commands Commands
	input    textinput.Model
	history  history

	width, height int
	members       []talk.Member
	connected     bool
	alarms        []string // warnings that stay until the user has seen them, the oldest first

	files     *Files
	notes     chan string // about files
	progress  string      // of files
	measuring bool        // a progressMsg follows

	pending []string // lines to send, the first is on its way
	leaving bool
	failed  error
}

var _ tea.Model = (*model)(nil)

func newModel(ctx context.Context, opts Options) *model {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	m := &model{
		ctx: ctx, opts: opts, commands: Commands{Room: opts.Room, Name: opts.Name},
		input: textinput.New(), width: 80, height: 24, connected: true,
	}
	m.notes = make(chan string)
	m.files = &Files{Room: opts.Room, Create: opts.Create, Notify: m.tell}
	m.files.Start(ctx)
	m.commands.Files = m.files
	m.input.Prompt = "> "
	m.input.CharLimit = maxLine
	styles := m.input.Styles()
	styles.Cursor.Blink = false
	m.input.SetStyles(styles)
	// Another program's clipboard is not read: terminals paste by themselves.
	m.input.KeyMap.Paste.SetEnabled(false)
	m.input.Focus()
	m.note(notice, "you are in the room as "+opts.Name+"; /help lists the commands")
	return m
}

// An eventMsg is the next event of the room.
type eventMsg struct {
	event *talk.Event
	err   error
}

// A sentMsg is the result of the first pending line.
type sentMsg struct {
	members int
	err     error
}

// A noteMsg is about a file.
type noteMsg string

// A progressMsg asks to show the progress of files.
type progressMsg struct{}

// progressEvery is the time between two measurements of progress.
const progressEvery = 500 * time.Millisecond

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return tea.Batch(m.receive, m.awaitNote) }

// tell passes a note to the screen, as long as there is one.
func (m *model) tell(text string) {
	select {
	case m.notes <- text:
	case <-m.files.ctx.Done():
	}
}

func (m *model) awaitNote() tea.Msg {
	select {
	case text := <-m.notes:
		return noteMsg(text)
	case <-m.files.ctx.Done():
		return nil
	}
}

// close ends the transfers of files.
func (m *model) close() { m.files.Close() }

// measure shows the progress of files, again after a while if there are some.
func (m *model) measure() tea.Cmd {
	m.progress = m.files.Moving()
	if m.measuring || m.progress == "" {
		return nil
	}
	m.measuring = true
	return tea.Tick(progressEvery, func(time.Time) tea.Msg { return progressMsg{} })
}

func (m *model) receive() tea.Msg {
	e, err := m.opts.Room.Receive(m.ctx)
	return eventMsg{e, err}
}

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.input.SetWidth(max(1, m.width-4))
		return m, nil
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case eventMsg:
		if msg.err != nil {
			m.failed = msg.err
			return m, tea.Quit
		}
		m.take(msg.event)
		return m, m.receive
	case sentMsg:
		return m, m.sent(msg)
	case noteMsg:
		m.note(notice, string(msg))
		return m, tea.Batch(m.awaitNote, m.measure())
	case progressMsg:
		m.measuring = false
		return m, m.measure()
	}
	var cmd tea.Cmd
	m.input, cmd = m.input.Update(msg)
	return m, cmd
}

// key handles a key.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c":
		m.failed = ErrInterrupted
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "ctrl+d":
		if m.input.Value() == "" {
			return m.leave()
		}
	case "esc":
		if len(m.alarms) > 0 {
			m.alarms = m.alarms[1:]
		}
		return nil
	case "pgup":
		m.history.offset += m.rows() - 1
		return nil
	case "pgdown":
		m.history.offset = max(0, m.history.offset-m.rows()+1)
		return nil
	case "enter":
		return m.enter()
	}
	var cmd tea.Cmd
	m.input, cmd = m.input.Update(k)
	return cmd
}

// enter takes the line that was typed.
func (m *model) enter() tea.Cmd {
	line := m.input.Value()
	if len(m.pending) >= maxPending {
		m.note(notice, fmt.Sprintf("%d lines wait to be sent: wait until the others have read them",
			len(m.pending)))
		return nil
	}
	m.input.Reset()
	m.history.offset = 0
	result := m.commands.Line(line)
	if result.Answer != "" {
		m.note(answer, result.Answer)
		m.members = m.opts.Room.Members()
	}
	switch {
	case result.Quit:
		return m.leave()
	case !result.Send:
		return m.measure()
	}
	m.history.add(&entry{kind: own, at: m.now(), name: m.opts.Name, text: result.Text}, m.column())
	m.pending = append(m.pending, result.Text)
	if len(m.pending) > 1 {
		return nil
	}
	return m.send()
}

// send returns what sends the first pending line.
func (m *model) send() tea.Cmd {
	text := m.pending[0]
	return func() tea.Msg {
		n, err := m.opts.Room.Send(m.ctx, text)
		return sentMsg{n, err}
	}
}

// sent continues after a line was sent.
func (m *model) sent(msg sentMsg) tea.Cmd {
	m.pending = m.pending[1:]
	switch {
	case msg.err != nil:
		m.note(alarm, "a line was not sent: "+msg.err.Error())
	case msg.members == 0:
		m.note(notice, "no other member is in the room: the line was not sent")
	}
	switch {
	case len(m.pending) > 0:
		return m.send()
	case m.leaving:
		return tea.Quit
	}
	return nil
}

// leave ends the program when all lines were sent, and at once if it is called again.
func (m *model) leave() tea.Cmd {
	if len(m.pending) == 0 || m.leaving {
		return tea.Quit
	}
	m.leaving = true
	m.note(notice, "leaving when the last lines were sent; again to leave at once")
	return nil
}

// take takes an event of the room.
func (m *model) take(e *talk.Event) {
	if e.Kind == talk.Text {
		m.history.add(&entry{kind: spoken, at: m.now(), name: e.Member.Name, text: e.Text},
			m.column())
		return
	}
	switch e.Kind {
	case talk.Connected:
		m.connected = true
	case talk.Lost:
		m.connected = false
	case talk.Left:
		m.files.Left(e.Member)
	}
	m.members = m.opts.Room.Members()
	text := ""
	switch e.Kind {
	case talk.Offered:
		text = m.files.Offered(e.Member, e.File)
	case talk.Withdrawn:
		text = m.files.Withdrawn(e.Member, e.File)
	default:
		text = m.opts.Describe(e)
	}
	switch {
	case text == "":
	case e.Kind == talk.Refused || e.Kind == talk.Suspect:
		m.note(alarm, text)
	default:
		m.note(notice, text)
	}
}

// note adds what is for the user alone.
func (m *model) note(k kind, text string) {
	e := &entry{kind: k, at: m.now(), text: text}
	m.history.add(e, m.column())
	if k == alarm {
		m.warn(printable.Line(text))
	}
}

// warn shows a warning until the user has seen it. A relay can cause warnings: they replace no
// earlier one, and the same one is shown once.
func (m *model) warn(text string) {
	if len(m.alarms) < maxAlarms && !slices.Contains(m.alarms, text) {
		m.alarms = append(m.alarms, text)
	}
}

func (m *model) now() string { return m.opts.Now().Format("15:04") }
