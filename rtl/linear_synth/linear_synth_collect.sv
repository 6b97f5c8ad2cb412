// linear_synth_collect: the sums of a round, in output order, Width a beat, every line for one token after the other; zeros behind a
// command's last.
//
// Sums come as chunks of DrainW, of all segments of a round at a time, in waves of as many as there are banks (linear_synth_join says
// which), Units of Drains tokens, then as many of the next ones (a turn); they leave segment by segment, line by line of Width. So
// there are Width/DrainW banks: chunk k of the segment at place g of its wave lies in bank (g + k) mod banks, for every turn in a
// region of its own. A wave is written in one cycle, and a line is read in one, each time from all banks. Every bank has two halves:
// a round is written into one while the round before it is read from the other, or the same round, as far as its lines are
// complete for all tokens.
//
// Latency:       6 cycles from the last chunk of a line of the first segment, that of the last turn, to the line of the first token.
// Throughput:    one line of one token a cycle, in groups of three lines and more; a wave a cycle.
// Back-pressure: s_axis is never stopped: a half was reserved for it. A stalled m_axis stops the reading.
//
// Parameters: as in linear_synth
// Ports:
//   s_job_*     one a command: how its outputs are laid out, how many tokens it has
//   s_axis_*    a wave, tlast at a round's end; s_number_i  its number in the beat; s_end_i  the beat's last; s_turns_i  of its command
//   bank_o      a pulse: a half was read
module linear_synth_collect
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 32,
    parameter int unsigned DrainW = 2,
    parameter int unsigned Tokens = 1,
    parameter int unsigned Drains = 1,
    localparam int unsigned Banks = Width / DrainW,
    localparam int unsigned Groups = groups_of(Slices, Banks),  // segments of a wave
    localparam int unsigned PerGroup = Slices / Groups,
    localparam int unsigned WaveW = wave_bits(Slices, Banks)
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,
    input  logic                             clear_i,
    input  logic [      18:0]                s_job_outputs_i,
    input  logic [      15:0]                s_job_group_i,
    input  logic [       2:0]                s_job_subsets_i,
    input  logic [       3:0]                s_job_tokens_i,
    input  logic                             s_job_valid_i,
    output logic                             s_job_ready_o,
    input  logic [Groups-1:0][Drains*DrainW*32-1:0] s_axis_tdata,
    input  logic [ WaveW-1:0]                s_number_i,
    input  logic                             s_end_i,
    input  logic [       3:0]                s_turns_i,
    input  logic                             s_axis_tlast,
    input  logic                             s_axis_tvalid,
    output logic                             bank_o,
    output logic [Width*32-1:0]              m_axis_tdata,
    output logic                             m_axis_tlast,
    output logic                             m_axis_tvalid,
    input  logic                             m_axis_tready
);
  localparam int unsigned ChunkW = DrainW * 32;
  localparam int unsigned WordW = Drains * ChunkW;
  localparam int unsigned Turns = Tokens / Drains;
  localparam int unsigned TurnW = (Turns > 1) ? $clog2(Turns) : 1;
  localparam int unsigned StepW = $clog2(Units / DrainW);  // chunks of a slot, log2
  localparam int unsigned TokenW = (Tokens > 1) ? $clog2(Tokens) : 1;
  localparam int unsigned BankShift = $clog2(Banks);
  localparam int unsigned BankW = (Banks > 1) ? BankShift : 1;
  localparam int unsigned Lines = Units * Slots / Width;  // of a segment
  localparam int unsigned LineW = (Lines > 1) ? $clog2(Lines) : 1;
  localparam int unsigned PlaceW = $clog2(Slices) + LineW;  // of a segment's line, for one token
  localparam int unsigned AddrW = 1 + $clog2(Turns) + PlaceW;
  localparam int unsigned Steps = Width / OutputStep;  // of a beat, valid or not
  localparam int unsigned TailW = (Steps > 1) ? $clog2(Steps) : 1;

  // ---- into the banks ----------------------------------------------------------------------------------------------------
  logic wr_q, rd_q, in_end_q, in_last_q;
  logic [1:0] full_q;
  logic [LineW+BankShift-1:0] count_q;  // the chunk's number in its segment, for the turn
  logic [TurnW-1:0] in_turn_q;
  logic [LineW:0] lines_q;  // complete in the half that is written
  logic [Banks-1:0][WordW-1:0] in_q;
  logic [Banks-1:0][AddrW-1:0] in_addr_q;
  logic [Banks-1:0] in_we_q;
  wire [LineW-1:0] in_line = LineW'(count_q >> BankShift);
  wire in_turn_last = 4'(in_turn_q) + 4'd1 == s_turns_i;
  wire beat = s_axis_tvalid && s_end_i;
  wire slot_end = count_q[StepW-1:0] == '1;

  logic [Banks-1:0][WordW-1:0] wave;
  logic [Banks-1:0][BankW-1:0] chunk;  // of the wave, for every bank
  assign wave = (Banks * WordW)'(s_axis_tdata);
  always_comb begin
    for (int unsigned b = 0; b < Banks; b++) chunk[b] = (Banks > 1) ? BankW'(b) - BankW'(count_q) : '0;
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned b = 0; b < Banks; b++) begin
      in_q[b]      <= wave[chunk[b]];
      in_addr_q[b] <= AddrW'({in_turn_q, PlaceW'({32'(s_number_i) * Banks + 32'(chunk[b]), in_line})}) | {wr_q, (AddrW - 1)'(0)};
      in_we_q[b]   <= s_axis_tvalid && 32'(chunk[b]) < Groups;
    end
    in_end_q  <= beat && in_turn_last && (s_axis_tlast || BankShift == 0 || chunk[0] == BankW'(1));
    in_last_q <= s_axis_tlast;
    if (!rst_ni || clear_i) begin
      wr_q    <= 1'b0;
      rd_q    <= 1'b0;
      full_q  <= '0;
      count_q <= '0;
      lines_q <= '0;
      in_turn_q <= '0;
    end else begin
      if (beat) begin
        if (s_axis_tlast) count_q <= '0;
        else if (slot_end && !in_turn_last) count_q[StepW-1:0] <= '0;
        else count_q <= count_q + (LineW + BankShift)'(1);
        if (slot_end) in_turn_q <= in_turn_last ? '0 : in_turn_q + TurnW'(1);
        wr_q <= wr_q ^ s_axis_tlast;
      end
      if (in_end_q) lines_q <= in_last_q ? '0 : lines_q + (LineW + 1)'(1);
      if (in_end_q && in_last_q) full_q[!wr_q] <= 1'b1;
      if (bank_o) begin
        full_q[rd_q] <= 1'b0;
        rd_q         <= !rd_q;
      end
    end
  end

  // ---- what is read: groups, one behind the other, found ahead -------------------------------------------------------------
  typedef enum logic [1:0] {
    Idle,
    Group,  // what is left of the command is known now
    Give
  } state_e;

  typedef struct packed {
    logic [WaveW-1:0] number;   // of its wave
    logic [BankW-1:0] bank;     // of its first chunk: its place in the wave
    logic [LineW-1:0] top;      // the last line
    logic [TailW-1:0] tail;     // the last valid step of that line
    logic [3:0]       tokens;
    logic             final_;   // the command's last group
    logic             high;     // the round's last segment
  } group_t;

  state_e state_q;
  logic [18:0] left_q;  // outputs of the command from this group on
  logic [5:0] segment_q;
  logic final_q, high_q, give_ready;
  wire [15:0] top = (final_q ? left_q[15:0] : s_job_group_i) - 16'd1;
  wire give = state_q == Give && give_ready;
  logic [WaveW-1:0] number_q;
  logic [BankW-1:0] bank_q;
  wire [3:0] spare = 4'($clog2(PerGroup)) - 4'(s_job_subsets_i);
  wire [2:0] waves = spare[3] ? 3'd0 : spare[2:0];  // of a beat, log2
  group_t found, group;
  assign found = '{
          number: number_q,
          bank: bank_q,
          top: LineW'(top >> $clog2(Width)),
          tail: (Steps > 1) ? TailW'(top >> $clog2(OutputStep)) : '0,
          tokens: s_job_tokens_i,
          final_: final_q,
          high: high_q
      };
  assign s_job_ready_o = give && final_q;

  always_ff @(posedge clk_i) begin
    if (state_q == Group) begin
      final_q <= left_q <= 19'(s_job_group_i);
      number_q <= WaveW'(segment_q & 6'((7'd1 << waves) - 7'd1));
      bank_q   <= BankW'(segment_q >> waves);
      high_q  <= 7'(segment_q) + 7'd1 == 7'(Slices) >> s_job_subsets_i;
    end
    if (state_q == Idle) left_q <= s_job_outputs_i;
    else if (give) left_q <= left_q - 19'(s_job_group_i);
    if (!rst_ni || clear_i) begin
      state_q   <= Idle;
      segment_q <= '0;
    end else begin
      if (give) segment_q <= (final_q || high_q) ? '0 : segment_q + 6'd1;
      unique case (state_q)
        Idle: if (s_job_valid_i) state_q <= Group;
        Group: state_q <= Give;
        default: if (give) state_q <= final_q ? Idle : Group;
      endcase
    end
  end

  logic group_valid, group_ready;
  logic [1:0] unused_level;
  fifo #(
      .Width($bits(group_t)), .Depth(2)
  ) i_groups (
      .clk_i, .rst_ni, .clear_i, .s_data_i(found), .s_valid_i(state_q == Give), .s_ready_o(give_ready), .m_data_o(group),
      .m_valid_o(group_valid), .m_ready_i(group_ready), .level_o(unused_level)
  );

  // ---- out of the banks -----------------------------------------------------------------------------------------------------
  logic [LineW-1:0] line_q;
  logic [TokenW-1:0] token_q;
  logic en;
  wire token_last = 4'(token_q) + 4'd1 == group.tokens;
  wire top_line = line_q == group.top;
  wire line_last = top_line && token_last;
  wire round_last = line_last && (group.final_ || group.high);
  // The half is only free when it was written to its end.
  wire there = full_q[rd_q] || (wr_q == rd_q && lines_q > (LineW + 1)'(line_q) && !round_last);
  wire read = group_valid && en && there;
  assign group_ready = read && line_last;
  assign bank_o = read && round_last;

  logic [Banks-1:0][WordW-1:0] word;
  logic [TokenW-1:0] out_token_q;  // of the word
  wire unused = ^out_token_q;  // with a drain alone a word has one token
  logic [Width*32-1:0] out_q;
  logic [1:0] valid_q, last_q;
  logic cut_q;  // zeros behind the tail
  logic [BankW-1:0] rotate_q;
  logic [TailW-1:0] tail_q;
  logic out_ready;

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    linear_synth_ram #(
        .Words(2 ** AddrW), .DataW(WordW)
    ) i_ram (
        .clk_i, .we_i(in_we_q[b]), .waddr_i(in_addr_q[b]), .data_i(in_q[b]), .en_i(en),
        .raddr_i(AddrW'({TurnW'(32'(token_q) / Drains), PlaceW'({32'(group.number) * Banks + 32'(group.bank), line_q})}) | {rd_q, (AddrW - 1)'(0)}), .read_o(word[b])
    );
  end

  assign en = out_ready || !valid_q[1];
  always_ff @(posedge clk_i) begin
    if (en) begin
      rotate_q <= group.bank;
      out_token_q <= token_q;
      tail_q <= group.tail;
      cut_q  <= top_line && group.final_;
      last_q <= {last_q[0], line_last && group.final_};
      for (int unsigned i = 0; i < Banks; i++) begin
        out_q[i*ChunkW+:ChunkW] <= word[(Banks > 1) ? BankW'(i) + rotate_q : '0][(32'(out_token_q)%Drains)*ChunkW+:ChunkW];
      end
      for (int unsigned i = 1; i < Steps; i++) begin
        if (cut_q && TailW'(i) > tail_q) out_q[i*OutputStep*32+:OutputStep*32] <= '0;
      end
    end
    if (!rst_ni || clear_i) begin
      valid_q <= '0;
      line_q  <= '0;
      token_q <= '0;
    end else begin
      if (en) valid_q <= {valid_q[0], read};
      if (read) token_q <= token_last ? '0 : token_q + TokenW'(1);
      if (read && token_last) line_q <= line_last ? '0 : line_q + LineW'(1);
    end
  end

  spill_register #(
      .Width(Width * 32 + 1)
  ) i_out (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_data_i({last_q[1], out_q}), .s_valid_i(valid_q[1]), .s_ready_o(out_ready),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready)
  );

  a_reserved :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) s_axis_tvalid |-> !full_q[wr_q]);
  a_job :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) state_q != Idle |-> s_job_valid_i);
endmodule
