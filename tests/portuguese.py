"""Portuguese texts of many kinds, and how many tokens the published table gives them."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, int]] = {
    "news": (
        (
            "A prefeitura de Belo Horizonte anunciou nesta terça-feira (14) que vai ampliar em 30% a "
            "frota de ônibus elétricos até o fim de 2027. Segundo o secretário de Mobilidade, o "
            "investimento previsto é de R$ 412 milhões, parte dele financiada pelo BNDES. Moradores "
            "da região da Pampulha reclamam, porém, da superlotação nos horários de pico e pedem "
            "mais linhas que cheguem ao centro sem baldeação. O edital deve ser publicado em até "
            "sessenta dias."
        ),
        138,
    ),
    "contract": (
        (
            "CLÁUSULA QUARTA – DO PAGAMENTO. 4.1. Pela prestação dos serviços descritos na Cláusula "
            "Primeira, a CONTRATANTE pagará à CONTRATADA o valor mensal de R$ 18.750,00 (dezoito "
            "mil, setecentos e cinquenta reais), mediante apresentação de nota fiscal eletrônica, "
            "até o 5º (quinto) dia útil do mês subsequente. 4.2. O atraso no pagamento sujeitará a "
            "CONTRATANTE à multa moratória de 2% (dois por cento), acrescida de juros de 1% (um por "
            "cento) ao mês, calculados pro rata die."
        ),
        169,
    ),
    "ruling": (
        (
            "EMENTA: APELAÇÃO CÍVEL. RESPONSABILIDADE CIVIL. INSCRIÇÃO INDEVIDA EM CADASTRO DE "
            "INADIMPLENTES. DANO MORAL IN RE IPSA. QUANTUM INDENIZATÓRIO MANTIDO. Comprovada a "
            "inexistência da relação jurídica que deu origem ao débito, impõe-se o reconhecimento da "
            "ilicitude da negativação. Recurso conhecido e desprovido, por unanimidade, nos termos "
            "do art. 927 do Código Civil."
        ),
        128,
    ),
    "chat": (
        (
            "oi, td bem? vc viu o jogo ontem?? kkkkk mano, o goleiro tomou um frango inacreditável "
            "😂😂 aí minha mãe ligou bem na hora do gol, perdi tudo!! bora marcar um churras sábado? "
            "eu levo a cerveja e vc leva a carne, blz? qq coisa me chama no zap"
        ),
        84,
    ),
    "fiction": (
        (
            "A velha casa ficava ao fim da rua, escondida por duas mangueiras que ninguém podava "
            "havia anos. De tarde, quando o calor amansava, vinha de lá um cheiro de café passado e "
            "de madeira úmida, e os meninos juravam ouvir um piano. Ninguém tocava piano naquela "
            "casa. Ainda assim, Dona Eulália parava o bordado, inclinava a cabeça e sorria, como "
            "quem reconhece uma voz muito antiga."
        ),
        115,
    ),
    "science": (
        (
            "Os resultados indicam que a fotossíntese das espécies do Cerrado apresenta plasticidade "
            "fenotípica em resposta à disponibilidade hídrica sazonal. Amostras de Qualea "
            "grandiflora (n = 48) foram analisadas por espectrofotometria, observando-se redução de "
            "23,7 ± 4,1% na condutância estomática durante a estação seca. A hipótese de aclimatação "
            "bioquímica, contudo, não pôde ser descartada."
        ),
        128,
    ),
    "recipe": (
        (
            "Ingredientes: 3 ovos; 2 xícaras de farinha de trigo; 1 xícara de açúcar; 1/2 xícara de "
            "óleo; 1 colher (sopa) de fermento. Modo de preparo: bata no liquidificador os ovos, o "
            "óleo e três cenouras médias picadas. Despeje numa tigela, misture a farinha e o açúcar "
            "e, por último, o fermento. Asse em forno médio (180 °C) por cerca de 40 minutos."
        ),
        131,
    ),
    "verse": (
        (
            "Pela janela entra a manhã,\n"
            "devagar, de pés descalços,\n"
            "traz no colo uma romã\n"
            "e nos cabelos, compassos.\n\n"
            "Não pergunta por ninguém,\n"
            "nem promete que demora:\n"
            "a manhã que me convém\n"
            "é esta que vai embora.\n"
        ),
        63,
    ),
    "commands": (
        (
            "Para reiniciar o serviço, execute `sudo systemctl restart nginx` e verifique o arquivo "
            "/var/log/nginx/error.log. Se a porta 443 estiver ocupada, edite o parâmetro `listen` em "
            "/etc/nginx/sites-enabled/default e recarregue a configuração. A variável de ambiente "
            "DATABASE_URL deve apontar para o banco PostgreSQL 15, por exemplo "
            "postgres://usuario:senha@localhost:5432/app."
        ),
        98,
    ),
    "code": (
        (
            "def calcular_imposto(valor: float, aliquota: float = 0.15) -> float:\n"
            '    """Calcula o imposto sobre um valor."""\n'
            "    if valor < 0:\n"
            '        raise ValueError("o valor não pode ser negativo")\n'
            "    return round(valor * aliquota, 2)\n\n\n"
            "for preco in [10.0, 25.5, 99.9]:\n"
            '    print(f"Imposto de {preco}: {calcular_imposto(preco)}")\n'
        ),
        106,
    ),
    "table": (
        (
            "| Município | População | PIB (R$ mil) |\n"
            "|---|---|---|\n"
            "| Campinas | 1.139.047 | 72.946.203 |\n"
            "| Uberlândia | 713.232 | 43.126.411 |\n"
            "| Feira de Santana | 616.279 | 16.802.744 |\n"
            "| Joinville | 616.323 | 36.431.812 |\n"
        ),
        129,
    ),
    "json": (
        (
            '{"pedido": 48213, "cliente": {"nome": "João Antônio da Conceição", "cpf": '
            '"123.456.789-09", "endereco": "Rua das Acácias, 120, ap. 42"}, "itens": [{"produto": '
            '"Caderno universitário", "quantidade": 3, "preco": 18.9}, {"produto": "Caneta azul", '
            '"quantidade": 10, "preco": 2.5}], "entregue": false}'
        ),
        130,
    ),
    "mail": (
        (
            "Prezada Sra. Márcia, bom dia. Agradecemos o seu contato e pedimos desculpas pela demora "
            "na resposta. Informamos que o seu chamado (protocolo nº 2026-0098123) foi encaminhado "
            "ao setor responsável e que o prazo para solução é de até cinco dias úteis. Permanecemos "
            "à disposição para quaisquer esclarecimentos. Atenciosamente, Equipe de Atendimento."
        ),
        109,
    ),
    "history": (
        (
            "Em 13 de maio de 1888, a princesa Isabel assinou a Lei Áurea, que extinguiu formalmente "
            "a escravidão no Brasil. O país foi o último das Américas a fazê-lo. A abolição, fruto "
            "de décadas de resistência de pessoas escravizadas, quilombos e do movimento "
            "abolicionista, não foi acompanhada de políticas de reparação, de acesso à terra ou de "
            "educação para os libertos."
        ),
        112,
    ),
    "question": (
        (
            "Qual é a diferença entre CLT e PJ, e em qual dos dois regimes eu pago menos imposto "
            "ganhando uns oito mil por mês? Explique passo a passo, por favor, com um exemplo."
        ),
        47,
    ),
    "medical record": (
        (
            "Paciente do sexo feminino, 67 anos, hipertensa e diabética tipo 2, em uso de losartana "
            "50 mg e metformina 850 mg, relata dispneia aos moderados esforços há três semanas, sem "
            "dor torácica. Ao exame: PA 150x90 mmHg, FC 88 bpm, ausculta com estertores bibasais. "
            "Solicitados ecocardiograma, BNP e radiografia de tórax. Retorno em 7 dias."
        ),
        123,
    ),
}
