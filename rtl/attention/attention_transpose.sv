// attention_transpose: blocks of 16 positions of values in, one dimension of all 16 positions out.
//
// Skewed banks: lane l of position i lies in bank (i + l) mod 16, so a beat is written, and a dimension read, in one cycle.
//
// Latency:       2 cycles from read_lane_i to m_data_o; a block can be read 2 cycles after its last beat was taken.
// Throughput:    one beat in and one dimension out a cycle.
// Back-pressure: s_ready_o falls while Blocks blocks wait; registers only.
//
// Parameters:
//   MaxBeats  of a position on this port, a power of two
//   Blocks    that can wait, a power of two
// Ports:
//   s_end_i, s_last_i  the beat is the last of its position; the position is the last of its head
//   m_valid_o          a block is there, m_beats_o beats wide; m_ready_i: it is begun; release_i: the oldest one begun is
//                      being read for the last time, the next cycle reads the one behind it
//   m_data_o           lane i: position i of the block (of positions that the block does not have: anything)
module attention_transpose
  import attention_pkg::*;
#(
    parameter int unsigned MaxBeats = 8,
    parameter int unsigned Blocks = 4,
    localparam int unsigned BeatW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [16*Lanes-1:0] s_data_i,
    input  logic [         4:0] s_beats_i,
    input  logic                s_end_i,
    input  logic                s_last_i,
    input  logic                s_valid_i,
    output logic                s_ready_o,
    output logic [         4:0] m_beats_o,
    output logic                m_valid_o,
    input  logic                m_ready_i,
    input  logic                release_i,
    input  logic [   BeatW-1:0] read_beat_i,
    input  logic [         3:0] read_lane_i,
    output logic [16*Lanes-1:0] m_data_o
);
  localparam int unsigned BlockW = $clog2(Blocks);
  localparam int unsigned CountW = $clog2(Blocks + 1);
  localparam int unsigned AddrW = BlockW + BeatW + 4;

  if (Blocks < 2 || Blocks != 1 << BlockW) $error("%m: Blocks is %0d, allowed: powers of two from 2", Blocks);

  // ---- in: turn the beat by its place in the block -----------------------------------------------------------------------
  logic [BlockW-1:0] write_block_q, read_block_q;
  logic [BeatW-1:0] beat_q;
  logic [3:0] place_q;
  logic [CountW-1:0] held_q;  // blocks taken and not released
  logic [AddrW-1:0] write_addr_q;
  logic [16*Lanes-1:0] turned_q;
  logic write_q, end_q, room;
  logic [4:0] beats_q;
  logic [CountW-1:0] whole;
  wire take = s_valid_i && s_ready_o;
  wire block_end = take && s_end_i && (s_last_i || place_q == 4'd15);
  assign s_ready_o = held_q != CountW'(Blocks);

  always_ff @(posedge clk_i) begin
    for (int unsigned n = 0; n < Lanes; n++) turned_q[16*n+:16] <= s_data_i[16*(4'(n)-place_q)+:16];
    write_addr_q <= {write_block_q, beat_q, place_q};
    beats_q      <= s_beats_i;
    if (!rst_ni) begin
      write_block_q <= '0;
      read_block_q  <= '0;
      beat_q        <= '0;
      place_q       <= '0;
      held_q        <= '0;
      write_q       <= 1'b0;
      end_q         <= 1'b0;
    end else begin
      write_q <= take;
      end_q   <= block_end;
      if (take) beat_q <= s_end_i ? '0 : beat_q + BeatW'(1);
      if (take && s_end_i) place_q <= block_end ? '0 : place_q + 4'd1;
      if (block_end) write_block_q <= write_block_q + BlockW'(1);
      if (release_i) read_block_q <= read_block_q + BlockW'(1);
      held_q <= held_q + CountW'(block_end) - CountW'(release_i);
    end
  end

  fifo #(.Width(5), .Depth(Blocks)) u_blocks (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(beats_q), .s_valid_i(end_q), .s_ready_o(room),
      .m_data_o(m_beats_o), .m_valid_o, .m_ready_i, .level_o(whole)
  );

  // ---- banks and the turn back ---------------------------------------------------------------------------------------
  logic [Lanes-1:0][15:0] read;
  logic [3:0] lane_q;
  for (genvar n = 0; n < Lanes; n++) begin : gen_banks
    (* ram_style = "auto" *) logic [15:0] mem[1<<AddrW];
    logic [15:0] read_q;
    always_ff @(posedge clk_i) begin
      if (write_q) mem[write_addr_q] <= turned_q[16*n+:16];
      read_q <= mem[{read_block_q, read_beat_i, 4'(n) - read_lane_i}];
    end
    assign read[n] = read_q;
  end
  always_ff @(posedge clk_i) begin
    lane_q <= read_lane_i;
    for (int unsigned i = 0; i < Lanes; i++) m_data_o[16*i+:16] <= read[4'(i)+lane_q];
  end

  wire unused = ^whole;
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) end_q |-> room);
  a_release :
  assert property (@(posedge clk_i) disable iff (!rst_ni) release_i |-> held_q != '0);
endmodule
