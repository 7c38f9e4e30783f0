"""Words that guessing begins with: the heads of published lists of leaked passwords, and what belongs to this house."""

from __future__ import annotations

_WORDS = """
a aaa abc abcd abcde abcdef abcdefg abcdefgh access admin administrator ahmed alger algeria algerie algiers allah
allahakbar amina amine amour and andrew android annaba apple argent arsenal asd asdf asdfgh asdfghjkl ashley autumn
azerty azertyuiop banana barcelona baseball basketball batman battery bejaia bienvenue bismillah bonjour buster
camille changeme charlie cheese chelsea chocolate chouchou computer constantine contrasena cookie correct
correcthorsebatterystaple corvette coucou daniel de default diamond dinar dollar doudou dragon dzair england euro
facebook fatima ferrari flower football france freedom george ginger gmail golden google guest habibi habibti harley
hello helloworld hockey horse hotmail hunter i ilove iloveu iloveyou in inshallah instagram internet iphone is
jennifer jessica jetaime jordan joshua juventus karim killer letmein linux liverpool login london loulou love lovely
mahrez marhaba marseille mashallah master matrix matthew me mercedes messi michael microsoft mohamed mohammed money
monkey mot motdepasse mustang my naruto nicolas nicole ninja nokia one oran orange paris passe passw0rd password
passwort pepper phoenix please pokemon porsche princess purple qazwsx qazwsxedc qwe qwerty qwertyuiop qwertz ranger
realmadrid robert ronaldo root salam samsung sarah secret secrets senha setif shadow silver soccer soleil sommer
spiderman spring staple starwars summer sunshine superman temp test testing tests the thomas tigger tizi to trustno
user welcome whatever whatsapp windows winter world xyz yahoo yasmine you zidane zxc zxcv zxcvbn zxcvbnm
"""
# Each counts alone, repeated, joined to another one, and with digits, signs or letter-like digits added anywhere.
COMMON = frozenset(_WORDS.split())
# Whoever attacks this house tries its name first.
CONTEXT = ("kerya", "krya")
