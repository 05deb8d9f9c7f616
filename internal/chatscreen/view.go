package chatscreen

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/sealsock/sealsock/talk"
)

// The sizes of the screen, in columns.
const (
	minMembers = 60 // with which the members have a column
	maxMembers = 24 // of that column
)

// rowsOfFrame are the head, the state and the input.
const rowsOfFrame = 3

var (
	headStyle  = lipgloss.NewStyle().Reverse(true)
	nameStyle  = lipgloss.NewStyle().Bold(true)
	faintStyle = lipgloss.NewStyle().Faint(true)
	alarmStyle = lipgloss.NewStyle().Bold(true).Reverse(true).Foreground(lipgloss.Red)
	goodStyle  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	doubtStyle = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

// rows is how many rows of the history are shown.
func (m *model) rows() int { return max(1, m.height-rowsOfFrame) }

// membersWidth is the width of the column with the members, or 0.
func (m *model) membersWidth() int {
	if m.width < minMembers {
		return 0
	}
	width := ansi.StringWidth(m.opts.Name) + len("   (you)")
	for _, other := range m.members {
		width = max(width, ansi.StringWidth(other.Name)+2)
	}
	return min(width, maxMembers)
}

// column is the width of the history.
func (m *model) column() int {
	if w := m.membersWidth(); w > 0 {
		return m.width - w - len(" | ")
	}
	return max(1, m.width)
}

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView(m.text())
	v.AltScreen = true
	v.WindowTitle = "seal chat"
	return v
}

func (m *model) text() string {
	lines := []string{m.head()}
	shown := m.history.view(m.column(), m.rows())
	side := m.side()
	for i := range m.rows() {
		line := ""
		if at := i - (m.rows() - len(shown)); at >= 0 {
			line = styled(shown[at])
		}
		if side != nil {
			line = pad(line, m.column()) + faintStyle.Render(" | ")
			if i < len(side) {
				line += side[i]
			}
		}
		lines = append(lines, line)
	}
	lines = append(lines, m.state(), m.input.View())
	return strings.Join(lines, "\n")
}

// pad fills a line with spaces up to a width.
func pad(line string, width int) string {
	return line + strings.Repeat(" ", max(0, width-cells(line)))
}

// head is the first row.
func (m *model) head() string {
	text := fmt.Sprintf(" seal chat: %s and %d other member", m.opts.Name, len(m.members))
	if len(m.members) != 1 {
		text += "s"
	}
	relay := "connected "
	if !m.connected {
		relay = "NOT CONNECTED "
	}
	space := m.width - ansi.StringWidth(relay)
	if space < 0 {
		return headStyle.Render(pad(ansi.Truncate(text, m.width, ""), m.width))
	}
	return headStyle.Render(pad(ansi.Truncate(text, space, ""), space) + relay)
}

// side is the column with the members, or nil.
func (m *model) side() []string {
	width := m.membersWidth()
	if width == 0 {
		return nil
	}
	rows := []string{"  " + ansi.Truncate(m.opts.Name+" (you)", width-2, "…")}
	for i, other := range m.members {
		if len(rows) == m.rows()-1 && i < len(m.members)-1 {
			rows = append(rows, faintStyle.Render(fmt.Sprintf("  and %d more", len(m.members)-i)))
			break
		}
		name := ansi.Truncate(other.Name, width-2, "…")
		if other.Away {
			name = faintStyle.Render(name)
		}
		rows = append(rows, mark(other)+" "+name)
	}
	return rows
}

// mark is the sign for the state of a member.
func mark(m talk.Member) string {
	switch {
	case m.Away:
		return faintStyle.Render("-")
	case m.Verified:
		return goodStyle.Render("✓")
	}
	return doubtStyle.Render("?")
}

// state is the row above the input.
func (m *model) state() string {
	switch {
	case len(m.alarms) > 0:
		end := " (Esc)"
		if more := len(m.alarms) - 1; more > 0 {
			end = fmt.Sprintf(" (Esc, %d more)", more)
		}
		text := ansi.Truncate("WARNING: "+m.alarms[0], max(0, m.width-len(end)), "…")
		return alarmStyle.Render(text + end)
	case m.history.offset > 0:
		return faintStyle.Render(ansi.Truncate(fmt.Sprintf("%d rows below: PageDown",
			m.history.offset), m.width, ""))
	case len(m.pending) > 1:
		return faintStyle.Render(ansi.Truncate(fmt.Sprintf("%d lines wait to be sent",
			len(m.pending)), m.width, ""))
	case m.progress != "":
		return faintStyle.Render(ansi.Truncate(m.progress, m.width, "…"))
	}
	for _, other := range m.members {
		if !other.Verified {
			return faintStyle.Render(ansi.Truncate("? not verified: /verify "+other.Name, m.width, ""))
		}
	}
	return ""
}

// styled returns a row in the style of its kind.
func styled(r row) string {
	switch r.kind {
	case alarm:
		return alarmStyle.Render(r.text)
	case notice, answer:
		return faintStyle.Render(r.text)
	}
	head := r.entry.at + " "
	name := r.entry.name + ":"
	if rest, ok := strings.CutPrefix(r.text, head+name); ok && r.first {
		return faintStyle.Render(head) + nameStyle.Render(name) + rest
	}
	return r.text
}
