// Package words has a list of 256 short English words, for values that people read aloud.
package words

import "strings"

// List has a word for each byte. The words are of lower-case letters.
var List = strings.Fields(`
acid acorn actor adult agent alarm album algae alley amber anchor angle ankle apple apron
arena armor arrow aspen atlas attic autumn bacon badge bagel bamboo banjo barn basil
basket beach beaver bell berry birch bishop blanket bonus border bottle bread brick bridge
broom bucket buffalo butter cabin cactus camel candle canyon carbon carpet castle cedar
cement cherry chimney circus citrus clay clover coconut coffee comet copper coral cotton
cousin cradle crystal curtain dairy daisy dance desert diamond dinner doctor dolphin
donkey dragon drum eagle earth echo elbow elephant emerald engine envelope falcon family
farmer feather fence ferry fiddle finger flame flute forest fossil fountain galaxy garden
garlic gecko ginger giraffe glacier glove gravel guitar hammer harbor harvest hazel helmet
hero hockey honey horse hotel iceberg igloo insect island ivory jacket jaguar jasmine
jelly jigsaw judge jungle kayak kettle kidney kitten ladder lagoon lantern lemon leopard
library lizard lobster magnet mango maple marble meadow melon mirror monkey mountain
museum mustard napkin needle nephew nickel novel nutmeg oasis ocean olive onion orange
orbit orchid otter oven oxygen paddle palace panda paper parrot peanut pencil pepper piano
pigeon pilot planet pocket poem pony potato prince puzzle pyramid quartz queen quilt
rabbit radio rainbow raven ribbon river robot rocket saddle salad salmon satin school
scooter shadow silver singer snail soccer spider spoon squirrel stadium sugar summit
sunset swan table tailor teacher temple thunder ticket tiger tomato tractor trumpet tulip
tunnel turtle uncle unicorn valley vanilla velvet village violin volcano wagon walnut
whale window winter wizard wolf yogurt zebra zigzag
`)

// Of returns the words for bytes, with sep between them.
func Of(b []byte, sep string) string {
	all := make([]string, len(b))
	for i, c := range b {
		all[i] = List[c]
	}
	return strings.Join(all, sep)
}
